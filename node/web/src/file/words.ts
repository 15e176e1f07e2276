/** Every no of a file, as the key of a sentence. */
import type { FileRefusal } from "../protocol/words";

export const FILE_REFUSALS: Record<FileRefusal, string> = {
  notFound: "file-refused-not-found",
  gone: "file-refused-gone",
  badName: "file-refused-bad-name",
  tooLarge: "file-refused-too-large",
  empty: "file-refused-empty",
  idTaken: "file-refused-id-taken",
  notForAdministrators: "file-refused-not-for-administrators",
};
