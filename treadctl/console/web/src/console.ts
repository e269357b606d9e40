import { asks, checklists } from "./asks";
import { chart } from "./chart";
import { follow } from "./feed";
import { holds } from "./hold";
import { alarm, awake, cleaning } from "./kiosk";
import { replays } from "./replay";
import { trends } from "./trends";
import { whose } from "./whose";

asks();
checklists();
holds();
void trends();
void replays();
const kiosk = document.body.dataset["door"] === "kiosk";
const listeners = [whose()];
if (kiosk) {
  awake();
  cleaning();
  listeners.push(alarm());
}
if (document.body.dataset["watch"] !== undefined) {
  follow(listeners); // at a desk only who has signed on may watch
  listeners.push(await chart()); // after the feed: it waits for the record, which may be slow
}
