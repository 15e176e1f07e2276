/** Begins a call: where the room's wishes meet the connection. */
import type { Call, CallWorld } from "./call";

/** A call that sends and receives nothing: the room works without picture and sound. */
export function joinCall(world: CallWorld): Call {
  world.state("new");
  return { send() {}, hear() {}, renew() {}, close() {} };
}
