/** The last minutes of a figure, as a line to be drawn. */

/** Points that are kept: one a second. */
export const POINTS = 120;
export const WIDE = 120;
export const HIGH = 36;

/** One figure more; the oldest goes. */
export const put = (series: readonly number[], value: number): readonly number[] =>
  [...series, value].slice(-POINTS);

/** The highest value the line has room for: never so low that noise looks like a mountain. */
export const top = (series: readonly number[]): number => Math.max(4, ...series) * 1.15;

/** The line as the points of an SVG polyline, the newest at the right edge. */
export function line(series: readonly number[]): string {
  const most = top(series);
  const x = (place: number) => WIDE - (series.length - 1 - place) * (WIDE / (POINTS - 1));
  const y = (value: number) => HIGH - 1 - (value / most) * (HIGH - 2);
  return series.map((value, place) => `${x(place).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
}

/** The area below the line. */
export function area(series: readonly number[]): string {
  if (series.length === 0) return "";
  const left = WIDE - (series.length - 1) * (WIDE / (POINTS - 1));
  return `${left.toFixed(1)},${HIGH} ${line(series)} ${WIDE},${HIGH}`;
}
