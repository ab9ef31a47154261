/** Four digits, so that revisions of a version sort as text. */
export const MAX_REVISION = 9999;

/**
 * Names one revision of a version: what the pipeline made of it under the code of its time. The first is named like the
 * version itself, `3sL4kqtJlcpXroDTDmJ`, the next one `3sL4kqtJlcpXroDTDmJ!0001`. It stands wherever the pipeline
 * speaks of a version; S3 itself knows the plain version only. S3's own version ids are URL-ready and have no `!`.
 */
export function revisionName(versionId: string, revision: number): string {
  return revision === 0 ? versionId : `${versionId}!${String(revision).padStart(4, '0')}`;
}

/** The version and the revision that a name stands for. */
export function parseRevision(name: string): { readonly versionId: string; readonly revision: number } {
  const [, versionId = name, digits = '0'] = /^(.*)!(\d{4})$/s.exec(name) ?? [];
  return { versionId, revision: Number(digits) };
}

/** Whether a name stands for some revision of a version. */
export function isVersion(name: string, versionId: string): boolean {
  return parseRevision(name).versionId === versionId;
}
