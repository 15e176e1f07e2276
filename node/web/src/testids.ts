/**
 * Names of controls for tests in a real browser. Stable: a test that uses one keeps working when
 * words, colours and places change.
 *
 * Start page      sign-in-form login password sign-in sign-out case-title new-case case copy-link
 *                 link-field new-link revoke-link close-case open-room knock sign-in-instead
 * Lobby           lobby name join waiting queue-place hold-message self-video camera-toggle
 *                 microphone-toggle camera-choice microphone-choice speaker-choice speaker-test
 *                 meter device-problem sorry staff staff-go-on guest-anyway
 * Room            room connection reconnecting stage remote-video self-video share-video tile
 *                 toolbar microphone camera share chat files people leave leave-only
 *                 end-all confirm-end sound-on
 * Door and people admit hold hold-text hold-send reject mute remove hand-over lock person
 * Chat and files  chat-log message message-text message-state chat-input chat-send file-input
 *                 file-row upload edit erase earlier typing read
 * Everywhere      language toast
 */
export const ID = {
  signInForm: "sign-in-form",
  login: "login",
  password: "password",
  signIn: "sign-in",
  signOut: "sign-out",
  caseTitle: "case-title",
  newCase: "new-case",
  case: "case",
  copyLink: "copy-link",
  linkField: "link-field",
  newLink: "new-link",
  revokeLink: "revoke-link",
  closeCase: "close-case",
  openRoom: "open-room",
  knock: "knock",
  signInInstead: "sign-in-instead",
  lobby: "lobby",
  name: "name",
  join: "join",
  waiting: "waiting",
  queuePlace: "queue-place",
  holdMessage: "hold-message",
  selfVideo: "self-video",
  cameraToggle: "camera-toggle",
  microphoneToggle: "microphone-toggle",
  cameraChoice: "camera-choice",
  microphoneChoice: "microphone-choice",
  speakerChoice: "speaker-choice",
  speakerTest: "speaker-test",
  meter: "meter",
  deviceProblem: "device-problem",
  sorry: "sorry",
  staff: "staff",
  staffGoOn: "staff-go-on",
  guestAnyway: "guest-anyway",
  room: "room",
  connection: "connection",
  reconnecting: "reconnecting",
  stage: "stage",
  remoteVideo: "remote-video",
  shareVideo: "share-video",
  tile: "tile",
  toolbar: "toolbar",
  microphone: "microphone",
  camera: "camera",
  share: "share",
  chat: "chat",
  files: "files",
  people: "people",
  leave: "leave",
  leaveOnly: "leave-only",
  endAll: "end-all",
  confirmEnd: "confirm-end",
  soundOn: "sound-on",
  admit: "admit",
  hold: "hold",
  holdText: "hold-text",
  holdSend: "hold-send",
  reject: "reject",
  mute: "mute",
  remove: "remove",
  handOver: "hand-over",
  lock: "lock",
  person: "person",
  chatLog: "chat-log",
  message: "message",
  messageText: "message-text",
  messageState: "message-state",
  chatInput: "chat-input",
  chatSend: "chat-send",
  fileInput: "file-input",
  fileRow: "file-row",
  upload: "upload",
  edit: "edit",
  erase: "erase",
  earlier: "earlier",
  typing: "typing",
  read: "read",
  language: "language",
  toast: "toast",
} as const;
