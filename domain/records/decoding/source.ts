/** Opens an object's bytes, the same ones each time: a damaged object is read twice. */
export type Source = () => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>;
