// Generated from the crate `protocol`. Never edited: delete it and run `cargo test -p protocol`.

import type { Seq, Time } from "./words";

/**
 * A node that runs an older release than others.
 */
export type Behind = { 
/**
 * What people call it.
 */
name: string, 
/**
 * What it runs.
 */
release: string, };

/**
 * Why a change was not made.
 */
export type ChangeRefusal = "epoch" | "notEligible" | "notPrimary" | "notMember" | "noShard" | "founded" | "token" | "holds" | "witness" | "last" | "used" | "notFounded" | "tooMuch" | "country" | "setting" | "tooOld";

/**
 * Relieve a node, or do not after all.
 */
export type Drain = { 
/**
 * Which.
 */
number: number, 
/**
 * Whether.
 */
on: boolean, };

/**
 * The number of a shard's configuration; a message of an older epoch is refused.
 */
export type Epoch = number;

/**
 * What moves at every moment on one node.
 */
export type Figures = { 
/**
 * The node's number.
 */
number: number, 
/**
 * Whether it answers.
 */
up: boolean, 
/**
 * Sockets of browsers.
 */
sockets: number, 
/**
 * People in calls.
 */
calls: number, 
/**
 * Rooms awake.
 */
rooms: number, 
/**
 * Entries its second copies have not yet acknowledged, over all shards it serves.
 */
lag: number, 
/**
 * Shards it serves.
 */
primaries: number, 
/**
 * Shards of which it holds the second copy.
 */
twins: number, };

/**
 * Something that happened, and when.
 */
export type Happening = { 
/**
 * When.
 */
at: Time, 
/**
 * What.
 */
what: Occurrence, };

/**
 * Shards that would go to one node.
 */
export type Heir = { 
/**
 * The node's number.
 */
number: number, 
/**
 * How many shards it would serve in addition.
 */
shards: number, };

/**
 * What moves at every moment.
 */
export type Live = { 
/**
 * That of the overview: when it changed, the overview is fetched anew.
 */
revision: number, 
/**
 * The node's clock.
 */
now: Time, 
/**
 * For each member.
 */
figures: Array<Figures>, };

/**
 * One node.
 */
export type NodeSight = { 
/**
 * What people call it.
 */
name: string, 
/**
 * The country its disks stand in.
 */
country: string, 
/**
 * The building, room or zone.
 */
site: string, 
/**
 * The release it runs.
 */
release: string, 
/**
 * Whether it holds data or only votes.
 */
purpose: Purpose, 
/**
 * It is the node that answers here.
 */
here: boolean, 
/**
 * On its way out.
 */
draining: boolean, 
/**
 * It may go: it holds no shard, and no content of a file that it may have is missing with
 * another node.
 */
empty: boolean, 
/**
 * It leads the control plane.
 */
leads: boolean, 
/**
 * It votes in the control plane.
 */
votes: boolean, 
/**
 * What moves at every moment.
 */
figures: Figures, };

/**
 * What happened in the cluster.
 */
export type Occurrence = { "kind": "elected", name: string, } | { "kind": "leaderless", } | { "kind": "up", name: string, } | { "kind": "down", name: string, } | { "kind": "drain", name: string, on: boolean, } | { "kind": "moved", shards: number, } | { "kind": "forced", shard: number, by: string, } | { "kind": "countries", countries: string, by: string, } | { "kind": "damaged", shard: number, what: string, entry: Seq, } | { "kind": "mended", shard: number, what: string, };

/**
 * The cluster as one node sees it.
 */
export type Overview = { 
/**
 * Changes with everything but the figures.
 */
revision: number, 
/**
 * The node's clock.
 */
now: Time, 
/**
 * The index of the newest map.
 */
map: number, 
/**
 * Countries in which data may lie; none named: all.
 */
countries: Array<string>, 
/**
 * The level of the cluster: what a release that speaks more would write differently is
 * written as of this one. A node of the first release says none.
 */
level: number, 
/**
 * What there is to say, most important first; never empty.
 */
verdicts: Array<Verdict>, 
/**
 * All members, by number.
 */
nodes: Array<NodeSight>, 
/**
 * All shards.
 */
shards: Array<ShardSight>, 
/**
 * For each member.
 */
whatIf: Array<WhatIf>, 
/**
 * The latest happenings, newest first.
 */
happenings: Array<Happening>, };

/**
 * What a node is for.
 */
export type Purpose = "data" | "witness";

/**
 * One shard.
 */
export type ShardSight = { 
/**
 * Which.
 */
shard: number, 
/**
 * The number of its configuration.
 */
epoch: Epoch, 
/**
 * The number of the node that serves it.
 */
primary: number, 
/**
 * The number of the node that holds the second copy.
 */
twin: number | null, 
/**
 * How it does.
 */
state: ShardState, };

/**
 * How a shard does, from best to worst.
 */
export type ShardState = "whole" | "moving" | "copying" | "solo" | "stalled";

/**
 * A sentence about the cluster; the first one told is the one that matters most.
 */
export type Verdict = { "kind": "stalled", shards: number, } | { "kind": "leaderless", } | { "kind": "down", name: string, } | { "kind": "solo", shards: number, } | { "kind": "noSpareVoter", } | { "kind": "draining", name: string, calls: number, shards: number, } | { "kind": "lone", } | { "kind": "safe", nodes: number, } | { "kind": "noFailover", name: string, } | { "kind": "missing", files: number, } | { "kind": "unlooked", shards: number, } | { "kind": "abroad", name: string, country: string, } | { "kind": "empty", name: string, } | { "kind": "mixed", newest: string, behind: Array<Behind>, } | { "kind": "tooOld", name: string, speaks: number, needs: number, } | { "kind": "tooNew", name: string, speaks: number, knows: number, };

/**
 * What would happen if one node died at this moment.
 */
export type WhatIf = { 
/**
 * The node that dies.
 */
number: number, 
/**
 * Who would serve what it serves.
 */
heirs: Array<Heir>, 
/**
 * Shards that would then have one copy only.
 */
alone: number, 
/**
 * Shards that nobody would serve.
 */
stalls: Array<number>, 
/**
 * Sockets that would go to another node.
 */
sockets: number, 
/**
 * People in calls who would hear a short gap.
 */
calls: number, 
/**
 * Whether the rest could still decide about changes.
 */
quorum: boolean, };
