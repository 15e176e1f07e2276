/** Any no, whoever said it, as the key of its sentence. */
import { CONVERSATION_REFUSALS } from "../conversation/words";
import { FILE_REFUSALS } from "../file/words";
import type { No } from "../link/http";
import { FAULTS } from "../link/words";
import { MEDIA_REFUSALS } from "../media/words";
import type { Refusal } from "../protocol/words";
import { ROOM_REFUSALS } from "../room/words";
import { ACCOUNTS_REFUSALS, RIGHTS_REFUSALS, SESSION_REFUSALS, VAULT_REFUSALS } from "../session/words";
import { TENANT_REFUSALS } from "../tenant/words";

/** The sentence of a refusal. */
export function refusalKey(refusal: Refusal): string {
  switch (refusal.kind) {
    case "session":
      return SESSION_REFUSALS[refusal.why];
    case "tenant":
      return TENANT_REFUSALS[refusal.why];
    case "vault":
      return VAULT_REFUSALS[refusal.why];
    case "room":
      return ROOM_REFUSALS[refusal.why];
    case "conversation":
      return CONVERSATION_REFUSALS[refusal.why];
    case "file":
      return FILE_REFUSALS[refusal.why];
    case "media":
      return MEDIA_REFUSALS[refusal.why];
    case "rights":
      return RIGHTS_REFUSALS[refusal.why];
    case "accounts":
      return ACCOUNTS_REFUSALS[refusal.why];
  }
}

/** The sentence of a refusal or a fault. */
export function noKey(no: No): string {
  return no.kind === "refused" ? refusalKey(no.refusal) : FAULTS[no.fault];
}
