const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

/** Whether node:zlib says that the data is at fault. A lack of memory is not a fault of the data. */
export const isOfData = (error: unknown): boolean =>
  /^(Z|ZSTD)_/.test(codeOf(error)) &&
  !['Z_MEM_ERROR', 'ZSTD_error_memory_allocation'].includes(codeOf(error));

export const isCutOff = (error: unknown): boolean =>
  isOfData(error) && (error as Error).message.includes('unexpected end of file');

export const isTooWide = (error: unknown): boolean =>
  codeOf(error) === 'ZSTD_error_frameParameter_windowTooLarge';

export const isDamage = (error: unknown): boolean => isOfData(error) && !isCutOff(error) && !isTooWide(error);
