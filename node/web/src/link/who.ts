/** Who this browser is signed in as: asked over the socket, which alone tells the role. */
import { WIRE, type ToBrowser } from "../protocol/words";
import { socketUrl } from "./address";
import type { Welcome } from "./link";

/** The welcome of a socket that is closed at once, or null for nobody. */
export function whoIsHere(): Promise<Welcome | null> {
  return new Promise((tell) => {
    const socket = new WebSocket(socketUrl());
    socket.onopen = () => socket.send(JSON.stringify({ kind: "hello", version: WIRE }));
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data as string) as ToBrowser;
      tell(frame.kind === "welcome" ? frame : null);
      socket.close();
    };
    socket.onclose = () => tell(null);
  });
}
