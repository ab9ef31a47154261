import { setFlagsFromString } from 'node:v8';

/**
 * What survives may grow threefold before all of the heap is collected. V8 would do it after every 8 MB more,
 * buffers outside the heap included, so after each part: a quarter of the processor time of extraction and
 * transformation. A large heap stays as it is, since V8 then goes by the heap's limit.
 */
setFlagsFromString('--heap-growing-percent=200');
