### What an operator reads of the cluster. Short, with verbs; whoever reads this is in a hurry.

cluster-page-title = Cluster – Konsil
cluster-leave = Close
cluster-seen-by = Seen by { $name }, { $time }
cluster-stale = This node does not answer at the moment. The figures are of { $time }.
cluster-door-title = This page opens by a link of its own
cluster-door-text = Run “konsil cluster page” on the server. The link is good for ten minutes and opens the page once.
cluster-door-used = This link is no longer good. Run “konsil cluster page” on the server and open the new one.

verdict-stalled = { $shards ->
    [one] Nobody serves 1 shard.
   *[other] Nobody serves { $shards } shards.
}
verdict-leaderless = Nobody leads the cluster. Nothing can move until somebody does.
verdict-down = { $name } does not answer.
verdict-solo = { $shards ->
    [one] 1 shard has one copy only.
   *[other] { $shards } shards have one copy only.
}
verdict-no-spare-voter = If one more vote is lost, the cluster can decide nothing any more.
verdict-no-failover = Two nodes and no third vote: only { $name } decides. When it fails, nothing takes over. Add a witness or a third node.
verdict-draining = { $name } is being drained.
verdict-lone = One node alone: what it has exists once.
verdict-safe = { $nodes } nodes, all shards on two copies. Any one node may die.
verdict-missing = { $files ->
    [one] The content of 1 file is not yet wherever it belongs.
   *[other] Contents of { $files } files are not yet wherever they belong.
}
verdict-unlooked = { $shards ->
    [one] Of 1 shard it is not yet known whether all its files are there.
   *[other] Of { $shards } shards it is not yet known whether all their files are there.
}
verdict-abroad = { $name } stands in { $country }, where no data may lie. It is being drained.
verdict-empty = { $name } is empty. It can be switched off and removed.
verdict-mixed = Releases run side by side, the newest is { $newest }. Still to be upgraded: { $behind }. Until the last of them is, every node can go back.
verdict-too-old = { $name } runs a release that is too old: it speaks { $speaks }, and { $needs } is needed. Install the release of the other nodes there.
verdict-too-new = { $name } runs a release that is too new: it speaks { $speaks } and later, this node up to { $knows }. Upgrade this node first.
verdict-unknown = The node reports something this page does not know. Reload the page.

total-sockets = Browsers
total-calls = In calls
total-rooms = Rooms
total-whole = Shards with two copies
total-of = { $count } of { $all }

nodes-heading = Nodes
nodes-countries = Data may lie in: { $countries }
node-up = answers
node-down = does not answer
node-draining = draining
node-leads = leads
node-votes = votes
node-witness = witness
node-here = this node
node-place = { $site }, { $country }
node-release = Release { $release }
node-serves = { $shards ->
    [one] serves 1 shard
   *[other] serves { $shards } shards
}
node-keeps = { $shards ->
    [one] keeps 1 second copy
   *[other] keeps { $shards } second copies
}
node-sockets = Browsers
node-calls = In calls
node-lag = Lag
node-lag-unit = entries

what-if-question = What if { $name } died now?
what-if-good = harmless
what-if-bad = critical
what-if-dead = is out already
what-if-heir = { $shards ->
    [one] { $name } serves 1 shard more.
   *[other] { $name } serves { $shards } shards more.
}
what-if-alone = { $shards ->
    [one] 1 shard would have one copy until a new one is made.
   *[other] { $shards } shards would have one copy until new ones are made.
}
what-if-stalls = { $shards ->
    [one] 1 shard would rest (no. { $which }).
   *[other] { $shards } shards would rest (no. { $which }).
}
what-if-calls = { $count ->
    [0] Nobody is in a call there.
    [one] 1 person in a call would hear nothing for about a second.
   *[other] { $count } people in calls would hear nothing for about a second.
}
what-if-sockets = { $count ->
    [0] No browser is connected there.
    [one] 1 browser would go to another node by itself.
   *[other] { $count } browsers would go to another node by themselves.
}
what-if-no-quorum = The rest could decide nothing any more.

drain = Drain
drain-title = Drain { $name }?
drain-text = Everything moves to other nodes. Nothing is lost, nobody has to do anything.
drain-moves = { $shards } shards move. { $calls } people in calls and { $sockets } browsers go to another node.
drain-confirm = Drain now
drain-undo = Do not drain after all
drain-left = { $calls } in calls and { $shards } shards to go.
drain-files = Files are still being copied to other nodes.
drain-done = Empty. You can switch this node off.
drain-progress = { $name }: progress
drain-refused-last = The last node with data cannot be drained.
drain-refused = The cluster refused: { $why }.
drain-failed = That did not work. Please try again.

shards-heading = Shards
shards-picture = { $all } shards. { $counts }
shards-table = Show as a table
shards-of = Highlighted: { $name }
shards-hint = Point at a field or at a node.
shard = Shard
shard-state = State
shard-primary = Served by
shard-twin = Second copy
shard-epoch = Epoch
shard-none = none
shard-line = Shard { $shard }: { $state }. Served by { $primary }, second copy: { $twin }. Epoch { $epoch }.
state-whole = two copies
state-moving = moving
state-copying = being copied
state-solo = one copy
state-stalled = resting

happenings-heading = Events
happenings-none = Nothing happened since this node started.
happened-elected = { $name } leads now.
happened-leaderless = Nobody leads.
happened-up = { $name } answers.
happened-down = { $name } no longer answers.
happened-drain = { $name } is being drained.
happened-undrain = { $name } is no longer being drained.
happened-moved = { $shards ->
    [one] 1 shard is served by another node.
   *[other] { $shards } shards are served by other nodes.
}
happened-forced = Shard { $shard } was given away by force, by { $by }.
happened-countries = Data may lie in { $countries }. Chosen by { $by }.
happened-damaged = On this node { $what } is damaged (shard { $shard }, entry { $entry }) and not mended.
happened-mended = On this node { $what } was damaged (shard { $shard }) and is mended.
