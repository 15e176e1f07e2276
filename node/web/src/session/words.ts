/** Every no of a session and of the vault (who signs in, under which name), as keys of sentences. */
import type { SessionRefusal, VaultRefusal } from "../protocol/words";

export const SESSION_REFUSALS: Record<SessionRefusal, string> = {
  notFound: "session-refused-not-found",
  closed: "session-refused-closed",
  expired: "session-refused-expired",
};

export const VAULT_REFUSALS: Record<VaultRefusal, string> = {
  notFound: "vault-refused-not-found",
  badName: "vault-refused-bad-name",
  loginTaken: "vault-refused-login-taken",
  notAllowed: "vault-refused-not-allowed",
};
