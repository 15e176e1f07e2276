/** The room's fold against the vectors, and the soft half the vectors do not know. */
import { describe, expect, test } from "vitest";
import type { RoomEvent, RoomView } from "../src/protocol/words";
import { emptyRoom, fold, hear, knocking, leading, others, show, standing, type Room } from "../src/room/room";
import { lives } from "./golden";

const me = { session: "session_me", person: "person_me", role: "expert" } as const;
const you = { session: "session_you", person: "person_you", role: "customer" } as const;

function after(events: RoomEvent[], from: Room = emptyRoom(me)): Room {
  return events.reduce((room, event, place) => fold(room, 1000 + place, event), from);
}

const opened: RoomEvent = {
  kind: "opened", tenant: "tenant_1", case: "case_1", conversation: "conversation_1", lead: me.person,
};

describe("the vectors", () => {
  test.each(lives<RoomEvent, RoomView>("room"))("$name", ({ by, events, state }) => {
    const room = events.reduce((room, { at, event }) => fold(room, at, event), emptyRoom(by));
    expect({
      lead: room.lead,
      leading: leading(room),
      standing: standing(room),
      locked: room.locked,
      ended: room.ended,
      seats: room.seats,
      waiting: leading(room) ? room.waiting : [],
    }).toEqual({
      lead: state.lead,
      leading: state.leading,
      standing: state.standing,
      locked: state.locked,
      ended: state.ended,
      seats: state.seats,
      waiting: state.leading ? state.waiting : [],
    });
  });
});

test("who is present before knocking is present at the door and on the seat", () => {
  const room = after(
    [{ kind: "knocked", ...you }],
    hear(after([opened]), { kind: "present", session: you.session }),
  );
  expect(knocking(room)[0]?.present).toBe(true);
  const seated = fold(room, 5, { kind: "seated", ...you });
  expect(others(seated)).toMatchObject([{ session: you.session, present: true, since: 5 }]);
});

test("who loses the connection keeps the seat, and its tracks stay known", () => {
  const track = { mid: "0", source: "camera", on: true } as const;
  const seated = after([opened, { kind: "seated", ...you }]);
  const publishing = hear(seated, { kind: "publishes", session: you.session, tracks: [track] });
  expect(others(publishing)[0]?.tracks).toEqual([track]);
  expect(others(hear(publishing, { kind: "absent", session: you.session }))).toMatchObject([
    { present: false, tracks: [track] },
  ]);
});

test.each(["rejected", "removed", "left"] as const)("an own stay that ends so is told: %s", (kind) => {
  const room = after([opened, { kind: "seated", ...me }]);
  expect(fold(room, 1, { kind, session: me.session })).toMatchObject({ fate: kind, seats: [] });
  expect(fold(room, 1, { kind, session: you.session }).fate).toBe(null);
});

test("a picture as a whole replaces everything, and a fate only when one is inside again", () => {
  const view: RoomView = {
    case: "case_1", conversation: "conversation_1", lead: you.person, leading: false,
    standing: "outside", locked: true, ended: false, seats: [], waiting: [], ahead: 2,
  };
  const gone = after([opened, { kind: "seated", ...me }, { kind: "removed", session: me.session }]);
  expect(show(gone, view)).toMatchObject({ fate: "removed", locked: true, ahead: 2, seats: [] });
  expect(show(gone, { ...view, standing: "waiting" }).fate).toBe(null);
});
