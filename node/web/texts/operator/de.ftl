### Was der Betrieb vom Cluster liest. Förmlich, kurz, mit Verben; wer hier liest, hat es eilig.

cluster-page-title = Cluster – Konsil
cluster-leave = Schließen
cluster-seen-by = Gesehen von { $name }, { $time }
cluster-stale = Dieser Knoten antwortet gerade nicht. Die Zahlen sind von { $time }.
cluster-door-title = Diese Seite öffnet ein eigener Link
cluster-door-text = Führen Sie auf dem Server „konsil cluster page“ aus. Der Link gilt zehn Minuten und öffnet die Seite einmal.
cluster-door-used = Dieser Link gilt nicht mehr. Führen Sie auf dem Server „konsil cluster page“ aus und öffnen Sie den neuen Link.

verdict-stalled = { $shards ->
    [one] 1 Shard wird von niemandem bedient.
   *[other] { $shards } Shards werden von niemandem bedient.
}
verdict-leaderless = Niemand leitet den Cluster. Bis dahin kann nichts umziehen.
verdict-down = { $name } antwortet nicht.
verdict-solo = { $shards ->
    [one] 1 Shard hat nur eine Kopie.
   *[other] { $shards } Shards haben nur eine Kopie.
}
verdict-no-spare-voter = Fällt noch eine Stimme aus, kann der Cluster nichts mehr entscheiden.
verdict-no-failover = Zwei Knoten und keine dritte Stimme: Nur { $name } entscheidet. Fällt er aus, übernimmt niemand. Ein Zeuge oder ein dritter Knoten fehlt.
verdict-draining = { $name } wird geleert.
verdict-lone = Ein Knoten allein: Was er hat, gibt es einmal.
verdict-safe = { $nodes } Knoten, alle Shards mit zwei Kopien. Jeder einzelne Knoten darf ausfallen.
verdict-missing = { $files ->
    [one] Der Inhalt von 1 Datei ist noch nicht überall, wo er hingehört.
   *[other] Die Inhalte von { $files } Dateien sind noch nicht überall, wo sie hingehören.
}
verdict-unlooked = { $shards ->
    [one] Bei 1 Shard ist noch nicht bekannt, ob alle Dateien da sind.
   *[other] Bei { $shards } Shards ist noch nicht bekannt, ob alle Dateien da sind.
}
verdict-abroad = { $name } steht in { $country }, dort dürfen keine Daten liegen. Der Knoten wird geleert.
verdict-empty = { $name } ist leer. Sie können ihn ausschalten und entfernen.
verdict-mixed = Mehrere Versionen laufen nebeneinander, die neueste ist { $newest }. Noch zu aktualisieren: { $behind }. Bis der letzte davon so weit ist, kann jeder Knoten zurück.
verdict-too-old = Auf { $name } läuft eine zu alte Version: Sie spricht { $speaks }, gebraucht wird { $needs }. Installieren Sie dort die Version der anderen Knoten.
verdict-too-new = Auf { $name } läuft eine zu neue Version: Sie spricht erst ab { $speaks }, dieser Knoten bis { $knows }. Aktualisieren Sie zuerst diesen Knoten.
verdict-unknown = Der Knoten meldet etwas, das diese Seite nicht kennt. Laden Sie die Seite neu.

total-sockets = Browser
total-calls = In Gesprächen
total-rooms = Räume
total-whole = Shards mit zwei Kopien
total-of = { $count } von { $all }

nodes-heading = Knoten
nodes-countries = Daten dürfen liegen in: { $countries }
node-up = antwortet
node-down = antwortet nicht
node-draining = wird geleert
node-leads = leitet
node-votes = stimmt ab
node-witness = Zeuge
node-here = dieser Knoten
node-place = { $site }, { $country }
node-release = Version { $release }
node-serves = { $shards ->
    [one] bedient 1 Shard
   *[other] bedient { $shards } Shards
}
node-keeps = { $shards ->
    [one] hält 1 zweite Kopie
   *[other] hält { $shards } zweite Kopien
}
node-sockets = Browser
node-calls = In Gesprächen
node-lag = Rückstand
node-lag-unit = Einträge

what-if-question = Was wäre, wenn { $name } jetzt ausfiele?
what-if-good = unkritisch
what-if-bad = kritisch
what-if-dead = ist schon aus
what-if-heir = { $shards ->
    [one] { $name } bedient 1 Shard mehr.
   *[other] { $name } bedient { $shards } Shards mehr.
}
what-if-alone = { $shards ->
    [one] 1 Shard hätte nur noch eine Kopie, bis eine neue fertig ist.
   *[other] { $shards } Shards hätten nur noch eine Kopie, bis neue fertig sind.
}
what-if-stalls = { $shards ->
    [one] 1 Shard würde ruhen (Nr. { $which }).
   *[other] { $shards } Shards würden ruhen (Nr. { $which }).
}
what-if-calls = { $count ->
    [0] Niemand ist dort in einem Gespräch.
    [one] 1 Person im Gespräch hörte etwa eine Sekunde lang nichts.
   *[other] { $count } Personen in Gesprächen hörten etwa eine Sekunde lang nichts.
}
what-if-sockets = { $count ->
    [0] Kein Browser ist dort verbunden.
    [one] 1 Browser wechselte von selbst den Knoten.
   *[other] { $count } Browser wechselten von selbst den Knoten.
}
what-if-no-quorum = Die übrigen könnten nichts mehr entscheiden.

drain = Leeren
drain-title = { $name } leeren?
drain-text = Alles zieht auf andere Knoten um. Nichts geht verloren, niemand muss etwas tun.
drain-moves = { $shards } Shards ziehen um. { $calls } Personen in Gesprächen und { $sockets } Browser wechseln den Knoten.
drain-confirm = Jetzt leeren
drain-undo = Doch nicht leeren
drain-left = Noch { $calls } in Gesprächen und { $shards } Shards.
drain-files = Dateien werden noch auf andere Knoten kopiert.
drain-done = Leer. Sie können diesen Knoten ausschalten.
drain-progress = { $name }: Fortschritt
drain-refused-last = Der letzte Knoten mit Daten kann nicht geleert werden.
drain-refused = Der Cluster hat das abgelehnt: { $why }.
drain-failed = Das hat nicht geklappt. Bitte versuchen Sie es noch einmal.

shards-heading = Shards
shards-picture = { $all } Shards. { $counts }
shards-table = Als Tabelle zeigen
shards-of = Hervorgehoben: { $name }
shards-hint = Zeigen Sie auf ein Feld oder auf einen Knoten.
shard = Shard
shard-state = Zustand
shard-primary = Bedient von
shard-twin = Zweite Kopie
shard-epoch = Epoche
shard-none = keine
shard-line = Shard { $shard }: { $state }. Bedient von { $primary }, zweite Kopie: { $twin }. Epoche { $epoch }.
state-whole = zwei Kopien
state-moving = zieht um
state-copying = wird kopiert
state-solo = eine Kopie
state-stalled = ruht

happenings-heading = Ereignisse
happenings-none = Seit dieser Knoten läuft, ist nichts geschehen.
happened-elected = { $name } leitet jetzt.
happened-leaderless = Niemand leitet.
happened-up = { $name } antwortet.
happened-down = { $name } antwortet nicht mehr.
happened-drain = { $name } wird geleert.
happened-undrain = { $name } wird nicht mehr geleert.
happened-moved = { $shards ->
    [one] 1 Shard wird von einem anderen Knoten bedient.
   *[other] { $shards } Shards werden von anderen Knoten bedient.
}
happened-forced = Shard { $shard } wurde mit Gewalt vergeben, von { $by }.
happened-countries = Daten dürfen liegen in { $countries }. Gewählt von { $by }.
happened-damaged = Beschädigt und nicht geheilt, auf diesem Knoten: { $what } (Shard { $shard }, Eintrag { $entry }).
happened-mended = Auf diesem Knoten war { $what } beschädigt (Shard { $shard }) und ist geheilt.
