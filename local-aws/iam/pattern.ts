/** Compiles IAM's wildcards: `*` for any characters, `?` for one. */
export function glob(pattern: string, flags = ''): (value: string) => boolean {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const expression = new RegExp(`^${source}$`, `s${flags}`);
  return (value) => expression.test(value);
}

/**
 * Compiles a test of ARNs. Each of the six parts is compared separately: a wildcard does not match a colon,
 * except in the last part ("IAM JSON policy elements: Resource, Using wildcards in resource ARNs").
 */
export function arnGlob(pattern: string): (arn: string) => boolean {
  if (pattern === '*') return () => true;
  const parts = arnParts(pattern).map((part) => glob(part));
  return (arn) => {
    const values = arnParts(arn);
    return values.length === parts.length && parts.every((matches, index) => matches(values[index] ?? ''));
  };
}

function arnParts(arn: string): string[] {
  const parts = arn.split(':');
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')];
}
