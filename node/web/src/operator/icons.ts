/** The icons of the operator's page alone; shapes from Lucide, see `parts/icons.license.txt`. */

export const CIRCLE_CHECK =
  "M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0 -20zM9 12l2 2 4-4";
export const TRIANGLE_ALERT =
  "M21.73 18l-8-14a2 2 0 0 0-3.48 0l-8 14A2 2 0 0 0 4 21h16a2 2 0 0 0 1.73-3M12 9v4M12 17h.01";
export const OCTAGON_X =
  "M15 9l-6 6M9 9l6 6M2.586 16.726A2 2 0 0 1 2 15.312V8.688a2 2 0 0 1 .586-1.414l4.688-4.688A2 2 0 0 1 8.688 2h6.624a2 2 0 0 1 1.414.586l4.688 4.688A2 2 0 0 1 22 8.688v6.624a2 2 0 0 1-.586 1.414l-4.688 4.688a2 2 0 0 1-1.414.586H8.688a2 2 0 0 1-1.414-.586z";
export const INFO =
  "M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0 -20zM12 16v-4M12 8h.01";
