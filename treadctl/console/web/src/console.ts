import { asks, checklists } from "./asks";
import { chart } from "./chart";
import { follow } from "./feed";
import { holds } from "./hold";
import { alarm, awake, cleaning } from "./kiosk";

asks();
checklists();
holds();
const kiosk = document.body.dataset["door"] === "kiosk";
const listeners = [await chart()];
if (kiosk) {
  awake();
  cleaning();
  listeners.push(alarm());
}
follow(listeners);
