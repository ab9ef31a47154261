/** Four digits, so that revisions of a version sort as text. */
export const MAX_REVISION = 9999;

/**
 * Names one revision of a version. The first has the name of the version itself, `3sL4kqtJlcpXroDTDmJ`, the
 * next one is `3sL4kqtJlcpXroDTDmJ!0001`. The pipeline uses this name everywhere; S3 knows only the plain
 * version id, which is URL-ready and has no `!`.
 *
 * @throws {RangeError} beyond the last revision: its name would read as another version
 */
export function revisionName(versionId: string, revision: number): string {
  if (revision > MAX_REVISION)
    throw new RangeError(
      `Version ${versionId} has been processed ${MAX_REVISION} times, the maximum. Upload its object again.`,
    );
  return revision === 0 ? versionId : `${versionId}!${String(revision).padStart(4, '0')}`;
}

/** The version and the revision that a name stands for. */
export function parseRevision(name: string): { readonly versionId: string; readonly revision: number } {
  const [, versionId = name, digits = '0'] = /^(.*)!(\d{4})$/s.exec(name) ?? [];
  return { versionId, revision: Number(digits) };
}

/** Whether a name stands for any revision of a version. */
export function isVersion(name: string, versionId: string): boolean {
  return parseRevision(name).versionId === versionId;
}
