### Every sentence of the pages, in German. Formal "Sie", verbs instead of nouns, short sentences.
### The node reads the same file for what it writes to people.

## Everywhere

language-other = English
dismiss = Meldung schließen
loading = Wird geladen …
cancel = Abbrechen
save = Speichern
somebody = Unbekannte Person
you = Sie
you-initials = Ich
try-again = Noch einmal versuchen
to-start-page = Zur Startseite
reconnecting = Die Verbindung ist weg. Wir verbinden Sie gerade neu. Sie müssen nichts tun.

## Sign-in

sign-in-page-title = Anmelden – Konsil
sign-in-title = Anmelden
sign-in-text = Für alle, die hier beraten.
sign-in-ended = Aus Sicherheit haben wir Sie abgemeldet. Bitte melden Sie sich neu an.
sign-in-guests = Sie haben einen Link zu einer Beratung bekommen? Dann öffnen Sie einfach den Link. Ein Konto brauchen Sie nicht.
login = Benutzername
password = Passwort
sign-in = Anmelden
sign-in-busy = Sie werden angemeldet …
sign-in-missing = Bitte geben Sie Ihren Benutzernamen und Ihr Passwort ein.
sign-in-refused = Benutzername und Passwort passen nicht zusammen. Bitte prüfen Sie beides.
sign-out = Abmelden

## Start page

start-page-title = Startseite – Konsil
start-title = Ihre Beratungen
start-not-expert = Mit diesem Konto können Sie keine Beratungen leiten.
case-title = Neue Beratung
case-title-example = Zum Beispiel: Baufinanzierung Familie Groß
case-title-missing = Bitte geben Sie der Beratung einen Titel.
case-new = Beratung anlegen
case-since = Angelegt am { $since }
case-close = Beratung schließen
case-close-title = „{ $title }“ schließen?
case-close-text = Das Gespräch endet für alle. Der Gastlink gilt dann nicht mehr.
cases-open = { $count ->
    [0] Offene Beratungen
   *[other] Offene Beratungen ({ $count })
}
cases-closed = Geschlossene Beratungen ({ $count })
cases-none = Noch keine offene Beratung. Legen Sie oben eine an.
link-copy = Gastlink kopieren
link-copied = Kopiert
link-field = Gastlink
link-new = Neuer Link
link-revoke = Link sperren
link-none = Es gibt keinen gültigen Gastlink.
link-until = Der Gastlink gilt bis { $until }.
open-room = Raum öffnen
at-door = { $count ->
    [one] 1 Person klopft an
   *[other] { $count } Personen klopfen an
}
inside = { $count ->
    [one] 1 Person im Raum
   *[other] { $count } Personen im Raum
}

## Lobby

page-title = { $title } – Beratung
page-title-plain = Beratung – Konsil
lobby-title = Ihre Beratung
lobby-with = Gespräch mit { $expert }
staff-title = Sie sind als { $name } angemeldet
staff-text = Dieser Link ist für Gäste. Wenn Sie als Gast eintreten, melden wir Sie in diesem Browser ab.
staff-go-on = Als { $name } fortfahren
staff-be-guest = Trotzdem als Gast
lobby-locked = Der Raum ist gerade abgeschlossen. Bitte warten Sie einen Moment.
name-label = Ihr Name
name-hint = So sieht man Sie im Gespräch.
name-missing = Bitte geben Sie Ihren Namen ein.
name-known = Sie nehmen teil als { $name }.
join-loading = Raum wird vorbereitet …
join-entering = Einen Moment …
join-knock = Anklopfen
join-now = Jetzt beitreten
join-back = Zurück ins Gespräch
privacy-line = Nichts wird aufgezeichnet.
privacy-more = Wir verarbeiten Ihren Namen, Bild und Ton nur für dieses Gespräch. Alles wird verschlüsselt übertragen. Nachrichten und Dateien liegen auf den Servern des Anbieters, der Sie eingeladen hat. Auf Ihrem Gerät speichern wir nur, was für das Gespräch nötig ist.
wait-title = { $expert } kommt gleich
wait-title-plain = Gleich geht es los
wait-place = Sie haben angeklopft. Sie sind auf Platz { $number }.
wait-held = Nachricht für Sie:
wait-stay = Bitte lassen Sie diese Seite offen. Wir holen Sie herein, sobald es losgeht.
wait-give-up = Nicht mehr warten
wait-chat = Nachricht an { $expert }

## Camera, microphone, speaker

camera = Kamera
microphone = Mikrofon
speaker = Lautsprecher
camera-number = Kamera { $number }
microphone-number = Mikrofon { $number }
speaker-number = Lautsprecher { $number }
camera-on = Kamera an
camera-off = Kamera aus
microphone-on = Mikrofon an
microphone-off = Mikrofon aus
speaker-test = Ton testen
speaker-ringing = Hören Sie den Ton?
self-title = Ihr Bild
self-asking = Ihr Browser fragt jetzt: Dürfen wir Kamera und Mikrofon benutzen? Bitte erlauben Sie es.
self-camera-off = Ihre Kamera ist aus. Man sieht Sie nicht.
self-no-picture = Ihre Kamera zeigt gerade kein Bild.
meter-none = Kein Mikrofon
meter-off = Ihr Mikrofon ist aus. Man hört Sie nicht.
meter-speak = Sprechen Sie, um Ihr Mikrofon zu testen.
meter-heard = Wir hören Sie.
device-none = Kein Gerät gefunden
device-denied = Ihr Browser darf dieses Gerät nicht benutzen.
device-missing = Wir finden kein Gerät. Ist es angeschlossen?
device-busy = Ein anderes Programm benutzt das Gerät. Bitte schließen Sie dieses Programm.
device-unsupported = Dieser Browser kann das Gerät nicht benutzen. Bitte nehmen Sie einen aktuellen Browser.
device-how-chromium = So erlauben Sie es: Klicken Sie links neben der Adresse auf das Symbol für die Website. Schalten Sie Kamera und Mikrofon ein.
device-how-firefox = So erlauben Sie es: Klicken Sie links neben der Adresse auf das durchgestrichene Symbol. Entfernen Sie dort „Blockiert“.
device-how-safari = So erlauben Sie es: Öffnen Sie im Menü „Safari“ den Punkt „Einstellungen für diese Website“. Wählen Sie bei Kamera und Mikrofon „Erlauben“.
device-how-ios = So erlauben Sie es: Tippen Sie links in der Adresszeile auf das Seitenmenü und dann auf „Website-Einstellungen“. Wählen Sie bei Kamera und Mikrofon „Erlauben“.
device-how-android = So erlauben Sie es: Tippen Sie links neben der Adresse auf das Symbol und dann auf „Berechtigungen“. Schalten Sie Kamera und Mikrofon ein.
device-go-on = Sie können auch ohne Kamera und Mikrofon teilnehmen, zum Beispiel im Chat.
device-again = Noch einmal prüfen

## Room

room-title = Beratung
room-word = Raum
connection-new = Keine Aufnahme
connection-connecting = Bild und Ton werden verbunden …
connection-connected = Verschlüsselt · keine Aufnahme
connection-lost = Wir verbinden neu …
sound-blocked = Ihr Browser spielt den Ton noch nicht ab.
sound-on = Ton einschalten
muted-by-lead = Ihr Mikrofon wurde von der Leitung stummgeschaltet. Sie können es selbst wieder einschalten.
stage-strip = Weitere Personen
stage-alone = Sie sind im Raum. Gleich kommt jemand dazu.
stage-alone-lead = Sie sind allein im Raum. Wenn jemand anklopft, sehen Sie es hier.
tile-enlarge = { $name } groß zeigen
person-away = Verbindung weg
person-speaks = spricht
share-of = Bildschirm von { $name }
share-own = Sie teilen Ihren Bildschirm.
share-stop = Teilen beenden
toolbar = Werkzeuge
tool-microphone-on = Mikro an
tool-microphone-off = Mikro aus
tool-camera-on = Kamera an
tool-camera-off = Kamera aus
tool-share = Teilen
tool-share-stop = Beenden
chat = Chat
files = Dateien
people = Personen
leave = Verlassen
unread = { $count ->
    [one] ungelesene Nachricht
   *[other] ungelesene Nachrichten
}
panel = Neben dem Gespräch
panel-close = Bereich schließen
leave-title = Möchten Sie das Gespräch verlassen?
leave-text = Sie können es für alle beenden oder nur selbst gehen. Wer bleibt, kann weiter sprechen.
leave-end = Für alle beenden
leave-only = Nur ich gehe
leave-stay = Ich bleibe
end-all = Für alle beenden

## Door and people

door = Vor der Tür
door-knocks = klopft an.
door-since = seit { $time }
door-held = wartet mit Nachricht
door-news = { $count ->
    [one] { $names } klopft an.
   *[other] { $names } klopfen an.
}
admit = Einlassen
hold = Warten lassen
reject = Abweisen
hold-title = Warten lassen
hold-label = Diese Nachricht sieht die Person
hold-default = Ich bin in wenigen Minuten für Sie da.
hold-send = Nachricht senden
people-here = { $count ->
    [one] 1 Person im Gespräch
   *[other] { $count } Personen im Gespräch
}
role-expert = Beratung
role-customer = Gast
role-lead = leitet das Gespräch
silent = stumm
mute = Stummschalten
hand-over = Leitung übergeben
remove = Entfernen
lock = Abschließen
unlock = Aufschließen
locked-text = Der Raum ist abgeschlossen. Niemand kann anklopfen.
unlocked-text = Der Raum ist offen. Gäste können anklopfen.

## Chat and files

chat-log = Nachrichten
chat-empty = Noch keine Nachrichten. Schreiben Sie die erste.
chat-closed = Der Chat ist für Sie nicht geöffnet.
chat-earlier = Frühere Nachrichten
chat-write = Nachricht schreiben
chat-send = Senden
typing = { $count ->
    [one] { $names } schreibt …
   *[other] { $names } schreiben …
}
message-sending = wird gesendet …
message-waiting = wird gesendet, sobald die Verbindung wieder da ist
message-sent = gesendet
message-read = gelesen
message-edited = geändert
message-erased = Diese Nachricht wurde gelöscht.
message-edit = Nachricht ändern
message-erase = Nachricht löschen
message-retry = Noch einmal senden
message-discard = Verwerfen
file-add = Datei hinzufügen
file-download = herunterladen
files-count = { $count ->
    [one] 1 Datei
   *[other] { $count } Dateien
}
files-empty = Noch keine Dateien. Sie können Dateien auch hierher ziehen.

## Pages on which a visit ends, or cannot begin

sorry-astray = Hier fehlt ein Link
sorry-astray-text = Öffnen Sie bitte den Link aus Ihrer Einladung. Er muss vollständig sein.
sorry-forged = Dieser Link stimmt nicht
sorry-forged-text = Vielleicht fehlt ein Stück. Kopieren Sie den Link bitte vollständig aus Ihrer Einladung. Oder bitten Sie um einen neuen Link.
sorry-expired = Dieser Link ist abgelaufen
sorry-expired-text = Bitten Sie die Person, die Sie eingeladen hat, um einen neuen Link.
sorry-revoked = Dieser Link gilt nicht mehr
sorry-revoked-text = Er wurde gesperrt. Bitten Sie die Person, die Sie eingeladen hat, um einen neuen Link.
sorry-closed = Diese Beratung ist abgeschlossen
sorry-closed-text = Sie müssen nichts tun. Haben Sie noch Fragen? Dann wenden Sie sich an die Person, die Sie eingeladen hat.
sorry-world = Das hat gerade nicht geklappt
sorry-world-text = Wir erreichen den Server nicht. Prüfen Sie bitte Ihre Internetverbindung und versuchen Sie es noch einmal.
sorry-session = Ihr Besuch ist abgelaufen
sorry-session-text = Aus Sicherheit haben wir Sie abgemeldet. Als Gast öffnen Sie bitte den Link aus Ihrer Einladung noch einmal.
sorry-version = Es gibt eine neue Version
sorry-version-text = Laden Sie die Seite bitte neu. Danach geht es weiter.
sorry-unknown = Diesen Raum gibt es nicht
sorry-unknown-text = Vielleicht stimmt die Adresse nicht, oder Sie haben keinen Zugang.
sorry-administrator = Kein Zugang mit diesem Konto
sorry-administrator-text = Wer Konsil verwaltet, nimmt nicht an Beratungen teil. Das schützt die Gespräche.
sorry-guest = Sie sind als Gast hier
sorry-guest-text = Öffnen Sie bitte den Link aus Ihrer Einladung. Diese Seite ist für die Beratung gedacht.
sorry-guest-sign-in = Ich berate hier und melde mich an
farewell-ended = Das Gespräch ist beendet
farewell-ended-text = Vielen Dank. Sie können dieses Fenster jetzt schließen.
farewell-ended-text-expert = Alle haben den Raum verlassen.
farewell-left = Sie haben das Gespräch verlassen
farewell-left-text = Sie können zurückkehren, solange das Gespräch läuft.
farewell-rejected = Sie wurden nicht eingelassen
farewell-rejected-text = Vielleicht passt es gerade nicht. Bitte melden Sie sich bei der Person, die Sie eingeladen hat.
farewell-removed = Sie wurden aus dem Gespräch entfernt
farewell-removed-text = Bitte melden Sie sich bei der Person, die Sie eingeladen hat.

## What the rules refuse

session-refused-not-found = Sie sind nicht angemeldet.
session-refused-closed = Sie haben sich abgemeldet. Bitte melden Sie sich neu an.
session-refused-expired = Aus Sicherheit haben wir Sie abgemeldet. Bitte melden Sie sich neu an.
tenant-refused-not-found = Das gibt es nicht, oder Sie haben keinen Zugang.
tenant-refused-not-an-expert = Nur wer berät, kann das tun.
tenant-refused-bad-text = Der Titel ist leer oder zu lang.
tenant-refused-bad-life = Der Link kann nicht so lange gelten.
tenant-refused-too-many-cases = Es sind zu viele Beratungen offen. Schließen Sie bitte zuerst eine.
tenant-refused-too-many-links = Diese Beratung hat schon zu viele Links.
tenant-refused-case-closed = Diese Beratung ist geschlossen.
tenant-refused-link-expired = Dieser Link ist abgelaufen.
tenant-refused-link-revoked = Dieser Link gilt nicht mehr.
tenant-refused-tenant-closed = Dieser Mandant ist geschlossen.
vault-refused-not-found = Diese Person kennen wir nicht.
vault-refused-bad-name = Der Name ist leer oder zu lang.
vault-refused-login-taken = Diesen Benutzernamen gibt es schon.
vault-refused-not-allowed = Das dürfen Sie nicht.
rights-refused-not-allowed = Das dürfen Sie mit Ihrer Rolle nicht.
accounts-refused-not-allowed = Das dürfen Sie mit Ihrer Rolle nicht.
accounts-refused-not-found = Das gibt es nicht, oder Sie haben keinen Zugang.
accounts-refused-critical = Für dieses Recht braucht es zwei Personen: Beantragen Sie es, dann gibt es jemand anderes frei.
accounts-refused-not-critical = Dieses Recht vergeben Sie ohne Antrag.
accounts-refused-own = Über Ihre eigenen Rechte entscheiden andere.
accounts-refused-same-person = Wer freigibt, darf das Recht weder beantragt haben noch vergeben.
accounts-refused-not-approved = Der Antrag ist noch nicht freigegeben.
accounts-refused-approved = Der Antrag ist schon freigegeben.
accounts-refused-lapsed = Der Antrag ist zu alt. Bitte stellen Sie ihn neu.
accounts-refused-bad-life = Dieses Recht endet von selbst. Bitte wählen Sie ein früheres Ende.
accounts-refused-already = Die Person hat dieses Recht schon, oder es ist schon beantragt.
accounts-refused-not-held = Die Person hat dieses Recht nicht.
accounts-refused-last-administrator = Mindestens eine Person muss Rechte vergeben können.
accounts-refused-too-many = Es sind schon zu viele. Räumen Sie bitte zuerst auf.
accounts-refused-no-such-role = Diese Rolle gibt es nicht.
accounts-refused-founded = Es gibt schon zwei Personen, die Rechte vergeben.
room-refused-not-found = Diesen Raum gibt es nicht.
room-refused-ended = Das Gespräch ist beendet.
room-refused-locked = Der Raum ist gerade abgeschlossen. Bitte versuchen Sie es gleich noch einmal.
room-refused-full = Der Raum ist voll.
room-refused-queue-full = Es warten schon zu viele Personen. Bitte versuchen Sie es gleich noch einmal.
room-refused-not-here = Diese Person ist nicht mehr im Raum.
room-refused-already-here = Sie sind schon im Raum.
room-refused-not-waiting = Diese Person wartet nicht mehr.
room-refused-not-lead = Nur wer das Gespräch leitet, kann das tun.
room-refused-not-an-expert = Nur wer berät, kann ein Gespräch leiten.
room-refused-not-for-administrators = Wer Konsil verwaltet, nimmt nicht an Beratungen teil.
room-refused-bad-text = Die Nachricht ist leer oder zu lang.
room-refused-too-many-tracks = Sie teilen schon zu vieles gleichzeitig.
conversation-refused-not-found = Diesen Chat gibt es nicht, oder Sie haben keinen Zugang.
conversation-refused-bad-text = Die Nachricht ist leer oder zu lang.
conversation-refused-bad-files = Eine Nachricht kann höchstens zehn Dateien haben.
conversation-refused-no-such-message = Diese Nachricht gibt es nicht mehr.
conversation-refused-not-yours = Sie können nur eigene Nachrichten ändern.
conversation-refused-gone = Diese Nachricht wurde schon gelöscht.
conversation-refused-full = Dieser Chat ist voll. Bitte legen Sie eine neue Beratung an.
conversation-refused-id-taken = Die Nachricht konnte nicht gesendet werden. Bitte schreiben Sie sie neu.
conversation-refused-not-for-administrators = Wer Konsil verwaltet, sieht keine Nachrichten.
conversation-refused-not-yet = Das ist noch nicht möglich.
file-refused-not-found = Diese Datei gibt es nicht, oder Sie haben keinen Zugang.
file-refused-gone = Diese Datei wurde zurückgezogen.
file-refused-bad-name = Der Name der Datei ist leer oder zu lang.
file-refused-too-large = Die Datei ist zu groß.
file-refused-empty = Die Datei ist leer.
file-refused-id-taken = Die Datei konnte nicht gesendet werden. Bitte wählen Sie sie neu aus.
file-refused-not-for-administrators = Wer Konsil verwaltet, sieht keine Dateien.
media-refused-not-seated = Sie sind noch nicht im Raum.
media-refused-bad-offer = Ihr Browser konnte Bild und Ton nicht verbinden.
media-refused-full = Bild und Ton sind gerade ausgelastet. Der Chat funktioniert weiter.

## What the world does

fault-busy = Gerade ist viel los. Bitte versuchen Sie es gleich noch einmal.
fault-disk-full = Der Speicher ist voll. Das wurde nicht gespeichert.
fault-one-copy = Das wird immer doppelt gesichert, und gerade fehlt der zweite Speicherort. Es wurde nicht gespeichert. Bitte versuchen Sie es in einer Minute noch einmal.
fault-disk = Der Speicher antwortet nicht. Bitte prüfen Sie, ob alles da ist.
fault-restarted = Das hat gerade nicht geklappt. Bitte versuchen Sie es noch einmal.
fault-timeout = Der Server antwortet nicht. Bitte versuchen Sie es noch einmal.
fault-stopping = Die Verbindung wurde unterbrochen. Bitte versuchen Sie es noch einmal.
cut-version = Es gibt eine neue Version. Bitte laden Sie die Seite neu.
cut-malformed = Die Verbindung war gestört. Wir verbinden Sie gerade neu.
cut-slow = Ihre Verbindung ist langsam. Wir verbinden Sie gerade neu.
cut-flood = Das war sehr viel auf einmal. Wir verbinden Sie gerade neu.
cut-session-over = Aus Sicherheit haben wir Sie abgemeldet.
cut-too-many = Konsil ist in zu vielen Fenstern offen. Bitte schließen Sie einige.
cut-stopping = Der Server wechselt. Wir verbinden Sie gerade neu. Sie müssen nichts tun.
