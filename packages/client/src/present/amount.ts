const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** A size for people: `820 B`, `12.4 KB`. 1 KB = 1,024 bytes. */
export function bytesText(bytes: number): string {
  let size = bytes;
  let unit = 0;
  for (; size >= 1_024 && unit < UNITS.length - 1; unit++) size /= 1_024;
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${UNITS[unit]}`;
}

/** What was spent, by currency: `$0.0042`, or of several currencies each: `$1.20 + €0.50`. Empty where nothing was. */
export function costText(cost: Readonly<Record<string, number>>): string {
  return Object.entries(cost)
    .map(([currency, amount]) => moneyText(amount, currency))
    .join(' + ');
}

/** Four decimals below one, where two would say nothing; what is no currency code keeps its name. */
export function moneyText(amount: number, currency: string): string {
  const digits = Math.abs(amount) < 1 ? 4 : 2;
  if (!/^[A-Z]{3}$/.test(currency)) return `${amount.toFixed(digits)} ${currency}`;
  return amount.toLocaleString('en', {
    style: 'currency',
    currency,
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  });
}
