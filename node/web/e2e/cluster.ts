/** Clusters as the operator's page might be told of them: for looks in a real browser. */
import type { Happening, NodeSight, Overview, ShardSight, ShardState, Verdict, WhatIf } from "../src/protocol/operator";

const NAMES = ["berlin-1", "frankfurt-1", "köln-1"];
const SITES = ["Berlin-Mitte", "Frankfurt FRA1", "Köln"];
const SHARDS = 256;

/** Which cluster is shown. */
export type Kind = "calm" | "broken" | "draining" | "upgrading";

function shard(number: number, kind: Kind): ShardSight {
  const [primary, twin] = [(number % 3) + 1, ((number + 1 + (number % 2)) % 3) + 1];
  let state: ShardState = "whole";
  if (kind === "broken") {
    if (primary === 3) state = number % 9 === 2 ? "stalled" : "solo";
    else if (twin === 3) state = number % 4 === 0 ? "copying" : "solo";
  }
  if (kind === "draining" && (primary === 2 || twin === 2)) state = number % 7 < 3 ? "moving" : number % 7 === 3 ? "copying" : "whole";
  return { shard: number, epoch: 3 + (number % 5), primary, twin: state === "solo" ? null : twin, state };
}

function node(place: number, kind: Kind, tick: number, shards: ShardSight[]): NodeSight {
  const number = place + 1;
  const up = !(kind === "broken" && number === 3);
  const wave = (most: number, fast: number) => Math.round(most * (1 + Math.sin((tick + place * 17) / fast) / 6));
  const gone = kind === "draining" && number === 2 ? Math.max(0, 1 - tick / 160) : 1;
  return {
    name: NAMES[place]!, country: "DE", site: SITES[place]!, release: kind === "upgrading" && number < 3 ? "0.9.1" : "0.9.2", purpose: "data",
    here: number === 1, draining: kind === "draining" && number === 2, empty: gone === 0, leads: number === 1, votes: true,
    figures: {
      number, up,
      sockets: up ? Math.round(wave(1840 + 300 * place, 9) * gone) : 0,
      calls: up ? Math.round(wave(210 - 30 * place, 13) * gone) : 0,
      rooms: up ? Math.round(wave(96, 20) * gone) : 0,
      lag: up ? Math.max(0, Math.round(6 * Math.sin(tick / 3 + place) + (tick % 29 === 0 ? 22 : 3))) : 0,
      primaries: Math.round(shards.filter((one) => one.primary === number).length * gone),
      twins: Math.round(shards.filter((one) => one.twin === number).length * gone),
    },
  };
}

function whatIf(of: NodeSight, shards: ShardSight[], kind: Kind): WhatIf {
  const { number, sockets, calls } = of.figures;
  const own = shards.filter((one) => one.primary === number);
  const safe = kind !== "broken" && own.every((one) => one.twin !== null);
  const heirs = [1, 2, 3].filter((one) => one !== number)
    .map((one) => ({ number: one, shards: own.filter(({ twin }) => twin === one).length }));
  const stalls = safe ? [] : own.map((one) => one.shard);
  return { number, heirs: safe ? heirs : [], alone: safe ? own.length + of.figures.twins : 0, stalls, sockets, calls, quorum: safe };
}

function verdicts(kind: Kind, nodes: NodeSight[], shards: ShardSight[]): Verdict[] {
  const count = (state: ShardState) => shards.filter((one) => one.state === state).length;
  if (kind === "broken") {
    return [
      { kind: "stalled", shards: count("stalled") }, { kind: "down", name: NAMES[2]! },
      { kind: "solo", shards: count("solo") }, { kind: "noSpareVoter" },
    ];
  }
  const { calls, primaries, twins } = nodes[1]!.figures;
  const draining: Verdict[] = [{ kind: "draining", name: NAMES[1]!, calls, shards: primaries + twins }];
  const behind = nodes.slice(0, 2).map(({ name, release }) => ({ name, release }));
  const mixed: Verdict[] = [{ kind: "mixed", newest: "0.9.2", behind }];
  const more = kind === "draining" ? draining : kind === "upgrading" ? mixed : [];
  return [{ kind: "safe", nodes: 3 }, ...more];
}

function happenings(kind: Kind, now: number): Happening[] {
  const ago = (seconds: number, what: Happening["what"]): Happening => ({ at: now - seconds * 1000, what });
  const old = [
    ago(7200, { kind: "moved", shards: 85 }), ago(7260, { kind: "up", name: NAMES[2]! }),
    ago(9000, { kind: "elected", name: NAMES[0]! }),
  ];
  if (kind === "broken") return [ago(2, { kind: "moved", shards: 57 }), ago(3, { kind: "down", name: NAMES[2]! }), ...old];
  if (kind === "draining") return [ago(4, { kind: "moved", shards: 12 }), ago(20, { kind: "drain", name: NAMES[1]!, on: true }), ...old];
  return old;
}

/** The picture after so many seconds. */
export function cluster(kind: Kind, tick: number, now = Date.now()): Overview {
  const shards = Array.from({ length: SHARDS }, (_, number) => shard(number, kind));
  const nodes = NAMES.map((_, place) => node(place, kind, tick, shards));
  return {
    revision: kind === "draining" ? tick : 1, now, map: 812, level: 1, countries: ["DE"], verdicts: verdicts(kind, nodes, shards), nodes, shards,
    whatIf: nodes.map((one) => whatIf(one, shards, kind)), happenings: happenings(kind, now),
  };
}
