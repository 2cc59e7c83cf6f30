// What many turns of a measurement say together: some of them are disturbed, and the median is not.

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const [below = NaN, above = NaN] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (below + above) / 2;
}

/**
 * The standard error of the median, whatever the values' distribution is: how many of n values lie below their true
 * median has a standard deviation of √n / 2, and as many places from the middle lie the bounds of one error.
 */
export function medianError(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  const places = Math.sqrt(sorted.length) / 2;
  const low = sorted[Math.max(0, Math.floor(middle - places))] ?? NaN;
  const high = sorted[Math.min(sorted.length - 1, Math.ceil(middle + places))] ?? NaN;
  return (high - low) / 2;
}
