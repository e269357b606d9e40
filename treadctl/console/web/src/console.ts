import { asks, checklists } from "./asks";
import { chart } from "./chart";
import { follow, type Listener } from "./feed";
import { holds } from "./hold";
import { alarm, awake, cleaning } from "./kiosk";
import { replays } from "./replay";
import { trends } from "./trends";
import { whose } from "./whose";

asks();
holds();
void trends();
void replays();
const listeners: Listener[] = [whose(), checklists()];
if (document.body.dataset["door"] === "kiosk") {
  awake();
  cleaning();
  listeners.push(alarm());
}
if (document.body.dataset["watch"] !== undefined) follow(listeners); // at a desk only who has signed on may watch
// Last, and on its own: a drawing that fails must not keep the page from being current.
void chart().then((listener) => listeners.push(listener)).catch(() => undefined);
