### Every sentence of the pages, in English. The same keys as in German; a test holds them together.

## Everywhere

language-other = Deutsch
dismiss = Close message
loading = Loading …
cancel = Cancel
save = Save
somebody = Unknown person
you = You
you-initials = Me
try-again = Try again
to-start-page = To the start page
reconnecting = The connection is gone. We are reconnecting you. You need not do anything.

## Sign-in

sign-in-page-title = Sign in – Konsil
sign-in-title = Sign in
sign-in-text = For everybody who advises here.
sign-in-ended = For your safety we signed you out. Please sign in again.
sign-in-guests = Did you receive a link to a consultation? Then just open the link. You need no account.
login = User name
password = Password
sign-in = Sign in
sign-in-busy = Signing you in …
sign-in-missing = Please enter your user name and your password.
sign-in-refused = User name and password do not match. Please check both.
sign-out = Sign out

## Start page

start-page-title = Start – Konsil
start-title = Your consultations
start-not-expert = You cannot lead consultations with this account.
case-title = New consultation
case-title-example = For example: Mortgage, the Gross family
case-title-missing = Please give the consultation a title.
case-new = Create consultation
case-since = Created { $since }
case-close = Close consultation
case-close-title = Close “{ $title }”?
case-close-text = The call ends for everybody. The guest link stops working.
cases-open = { $count ->
    [0] Open consultations
   *[other] Open consultations ({ $count })
}
cases-closed = Closed consultations ({ $count })
cases-none = No open consultation yet. Create one above.
link-copy = Copy guest link
link-copied = Copied
link-field = Guest link
link-new = New link
link-revoke = Revoke link
link-none = There is no valid guest link.
link-until = The guest link is valid until { $until }.
open-room = Open room
at-door = { $count ->
    [one] 1 person is knocking
   *[other] { $count } people are knocking
}
inside = { $count ->
    [one] 1 person in the room
   *[other] { $count } people in the room
}

## Lobby

page-title = { $title } – Consultation
page-title-plain = Consultation – Konsil
lobby-title = Your consultation
lobby-with = A call with { $expert }
staff-title = You are signed in as { $name }
staff-text = This link is for guests. If you enter as a guest, we sign you out in this browser.
staff-go-on = Go on as { $name }
staff-be-guest = Be a guest all the same
lobby-locked = The room is locked at the moment. Please wait a little.
name-label = Your name
name-hint = This is how others see you in the call.
name-missing = Please enter your name.
name-known = You take part as { $name }.
join-loading = Preparing the room …
join-entering = One moment …
join-knock = Knock
join-now = Join now
join-back = Back to the call
privacy-line = Nothing is recorded.
privacy-more = We use your name, picture and sound for this call only. Everything is encrypted in transit. Messages and files are kept on the servers of the organisation that invited you. On your device we store only what the call needs.
wait-title = { $expert } will be with you soon
wait-title-plain = It will start soon
wait-place = You have knocked. You are number { $number } in the queue.
wait-held = A message for you:
wait-stay = Please keep this page open. We will let you in as soon as it starts.
wait-give-up = Stop waiting
wait-chat = Message to { $expert }

## Camera, microphone, speaker

camera = Camera
microphone = Microphone
speaker = Speaker
camera-number = Camera { $number }
microphone-number = Microphone { $number }
speaker-number = Speaker { $number }
camera-on = Camera on
camera-off = Camera off
microphone-on = Microphone on
microphone-off = Microphone off
speaker-test = Test sound
speaker-ringing = Can you hear it?
self-title = Your picture
self-asking = Your browser is asking: may we use your camera and microphone? Please allow it.
self-camera-off = Your camera is off. Nobody can see you.
self-no-picture = Your camera shows no picture at the moment.
meter-none = No microphone
meter-off = Your microphone is off. Nobody can hear you.
meter-speak = Speak to test your microphone.
meter-heard = We can hear you.
device-none = No device found
device-denied = Your browser may not use this device.
device-missing = We cannot find a device. Is it plugged in?
device-busy = Another program is using the device. Please close that program.
device-unsupported = This browser cannot use the device. Please use an up-to-date browser.
device-how-chromium = How to allow it: click the site icon to the left of the address. Switch on camera and microphone.
device-how-firefox = How to allow it: click the crossed-out icon to the left of the address. Remove “Blocked” there.
device-how-safari = How to allow it: open “Settings for this Website” in the Safari menu. Choose “Allow” for camera and microphone.
device-how-ios = How to allow it: tap the page menu on the left of the address bar, then “Website Settings”. Choose “Allow” for camera and microphone.
device-how-android = How to allow it: tap the icon to the left of the address, then “Permissions”. Switch on camera and microphone.
device-go-on = You can also take part without camera and microphone, for example in the chat.
device-again = Check again

## Room

room-title = Consultation
room-word = Room
connection-new = Not recorded
connection-connecting = Connecting picture and sound …
connection-connected = Encrypted · not recorded
connection-lost = Reconnecting …
sound-blocked = Your browser does not play the sound yet.
sound-on = Switch sound on
muted-by-lead = The lead muted your microphone. You can switch it on again yourself.
stage-strip = Other people
stage-alone = You are in the room. Somebody will join soon.
stage-alone-lead = You are alone in the room. When somebody knocks, you will see it here.
tile-enlarge = Show { $name } large
person-away = connection lost
person-speaks = speaking
share-of = Screen of { $name }
share-own = You are sharing your screen.
share-stop = Stop sharing
toolbar = Tools
tool-microphone-on = Mic on
tool-microphone-off = Mic off
tool-camera-on = Camera on
tool-camera-off = Camera off
tool-share = Share
tool-share-stop = Stop
chat = Chat
files = Files
people = People
leave = Leave
unread = { $count ->
    [one] unread message
   *[other] unread messages
}
panel = Beside the call
panel-close = Close panel
leave-title = Do you want to leave the call?
leave-text = You can end it for everybody or leave alone. Those who stay can go on talking.
leave-end = End for everybody
leave-only = Only I leave
leave-stay = I stay
end-all = End for everybody

## Door and people

door = At the door
door-knocks = is knocking.
door-since = since { $time }
door-held = waits with a message
door-news = { $count ->
    [one] { $names } is knocking.
   *[other] { $names } are knocking.
}
admit = Let in
hold = Ask to wait
reject = Turn away
hold-title = Ask to wait
hold-label = The person sees this message
hold-default = I will be with you in a few minutes.
hold-send = Send message
people-here = { $count ->
    [one] 1 person in the call
   *[other] { $count } people in the call
}
role-expert = Expert
role-customer = Guest
role-lead = leads the call
silent = silent
mute = Mute
hand-over = Hand over lead
remove = Remove
lock = Lock
unlock = Unlock
locked-text = The room is locked. Nobody can knock.
unlocked-text = The room is open. Guests can knock.

## Chat and files

chat-log = Messages
chat-empty = No messages yet. Write the first one.
chat-closed = The chat is not open for you.
chat-earlier = Earlier messages
chat-write = Write a message
chat-send = Send
typing = { $count ->
    [one] { $names } is typing …
   *[other] { $names } are typing …
}
message-sending = sending …
message-waiting = will be sent once the connection is back
message-sent = sent
message-read = read
message-edited = edited
message-erased = This message was deleted.
message-edit = Edit message
message-erase = Delete message
message-retry = Send again
message-discard = Discard
file-add = Add file
file-download = download
files-count = { $count ->
    [one] 1 file
   *[other] { $count } files
}
files-empty = No files yet. You can also drag files here.

## Pages on which a visit ends, or cannot begin

sorry-astray = A link is missing
sorry-astray-text = Please open the link from your invitation. It must be complete.
sorry-forged = This link is not right
sorry-forged-text = A part may be missing. Please copy the whole link from your invitation. Or ask for a new link.
sorry-expired = This link has expired
sorry-expired-text = Please ask the person who invited you for a new link.
sorry-revoked = This link is no longer valid
sorry-revoked-text = It was revoked. Please ask the person who invited you for a new link.
sorry-closed = This consultation is closed
sorry-closed-text = You need not do anything. Do you still have questions? Then turn to the person who invited you.
sorry-world = That did not work
sorry-world-text = We cannot reach the server. Please check your internet connection and try again.
sorry-session = Your visit has expired
sorry-session-text = For your safety we signed you out. As a guest, please open the link from your invitation again.
sorry-version = There is a new version
sorry-version-text = Please reload the page. Then you can go on.
sorry-unknown = There is no such room
sorry-unknown-text = The address may be wrong, or you have no access.
sorry-administrator = No access with this account
sorry-administrator-text = Those who administer Konsil take no part in consultations. This protects the calls.
sorry-guest = You are here as a guest
sorry-guest-text = Please open the link from your invitation. This page is for those who advise.
sorry-guest-sign-in = I advise here and want to sign in
farewell-ended = The call has ended
farewell-ended-text = Thank you. You can close this window now.
farewell-ended-text-expert = Everybody has left the room.
farewell-left = You have left the call
farewell-left-text = You can return as long as the call goes on.
farewell-rejected = You were not let in
farewell-rejected-text = It may not be the right moment. Please contact the person who invited you.
farewell-removed = You were removed from the call
farewell-removed-text = Please contact the person who invited you.

## What the rules refuse

session-refused-not-found = You are not signed in.
session-refused-closed = You signed out. Please sign in again.
session-refused-expired = For your safety we signed you out. Please sign in again.
tenant-refused-not-found = There is no such thing, or you have no access.
tenant-refused-not-an-expert = Only experts can do this.
tenant-refused-bad-text = The title is empty or too long.
tenant-refused-bad-life = The link cannot be valid that long.
tenant-refused-too-many-cases = Too many consultations are open. Please close one first.
tenant-refused-too-many-links = This consultation has too many links already.
tenant-refused-case-closed = This consultation is closed.
tenant-refused-link-expired = This link has expired.
tenant-refused-link-revoked = This link is no longer valid.
tenant-refused-tenant-closed = This tenant is closed.
vault-refused-not-found = We do not know this person.
vault-refused-bad-name = The name is empty or too long.
vault-refused-login-taken = This user name exists already.
vault-refused-not-allowed = You may not do this.
rights-refused-not-allowed = Your role may not do this.
accounts-refused-not-allowed = Your role may not do this.
accounts-refused-not-found = There is no such thing, or you have no access.
accounts-refused-critical = This right takes two people: request it, then somebody else approves it.
accounts-refused-not-critical = You give this right without a request.
accounts-refused-own = Others decide about your own rights.
accounts-refused-same-person = Whoever approves may neither have requested the right nor grant it.
accounts-refused-not-approved = The request is not approved yet.
accounts-refused-approved = The request is approved already.
accounts-refused-lapsed = The request is too old. Please make it again.
accounts-refused-bad-life = This right ends by itself. Please choose an earlier end.
accounts-refused-already = They have this right already, or it is requested already.
accounts-refused-not-held = They do not have this right.
accounts-refused-last-administrator = Somebody must be left who can give rights.
accounts-refused-too-many = There are too many already. Please tidy up first.
accounts-refused-no-such-role = There is no such role.
accounts-refused-founded = There are two people already who give rights.
room-refused-not-found = There is no such room.
room-refused-ended = The call has ended.
room-refused-locked = The room is locked at the moment. Please try again soon.
room-refused-full = The room is full.
room-refused-queue-full = Too many people are waiting already. Please try again soon.
room-refused-not-here = This person is no longer in the room.
room-refused-already-here = You are in the room already.
room-refused-not-waiting = This person no longer waits.
room-refused-not-lead = Only the person who leads the call can do this.
room-refused-not-an-expert = Only an expert can lead a call.
room-refused-not-for-administrators = Those who administer Konsil take no part in consultations.
room-refused-bad-text = The message is empty or too long.
room-refused-too-many-tracks = You are sharing too much at once already.
conversation-refused-not-found = There is no such chat, or you have no access.
conversation-refused-bad-text = The message is empty or too long.
conversation-refused-bad-files = A message can have ten files at most.
conversation-refused-no-such-message = This message no longer exists.
conversation-refused-not-yours = You can change only your own messages.
conversation-refused-gone = This message was deleted already.
conversation-refused-full = This chat is full. Please create a new consultation.
conversation-refused-id-taken = The message could not be sent. Please write it again.
conversation-refused-not-for-administrators = Those who administer Konsil see no messages.
conversation-refused-not-yet = That is not possible yet.
file-refused-not-found = There is no such file, or you have no access.
file-refused-gone = This file was withdrawn.
file-refused-bad-name = The file's name is empty or too long.
file-refused-too-large = The file is too large.
file-refused-empty = The file is empty.
file-refused-id-taken = The file could not be sent. Please choose it again.
file-refused-not-for-administrators = Those who administer Konsil see no files.
media-refused-not-seated = You are not in the room yet.
media-refused-bad-offer = Your browser could not connect picture and sound.
media-refused-full = Picture and sound are at their limit. The chat goes on working.

## What the world does

fault-busy = There is a lot going on. Please try again in a moment.
fault-disk-full = The storage is full. This was not saved.
fault-one-copy = This is always kept in two places, and the second one is missing just now. It was not saved. Please try again in a minute.
fault-disk = The storage does not answer. Please check whether everything is there.
fault-restarted = That did not work. Please try again.
fault-timeout = The server does not answer. Please try again.
fault-stopping = The connection was interrupted. Please try again.
cut-version = There is a new version. Please reload the page.
cut-malformed = The connection was disturbed. We are reconnecting you.
cut-slow = Your connection is slow. We are reconnecting you.
cut-flood = That was a lot at once. We are reconnecting you.
cut-session-over = For your safety we signed you out.
cut-too-many = Konsil is open in too many windows. Please close some.
cut-stopping = The server is changing over. We are reconnecting you. You need not do anything.
