/** The formats that a dataset's objects come in. */
export type SourceFormat = JsonFormat | CsvFormat;

/** A JSON array or NDJSON, told apart by content. */
export interface JsonFormat {
  readonly format: 'json';
}

/** CSV after RFC 4180, with a header. The fields of the dataset's `record` are the columns. */
export interface CsvFormat {
  readonly format: 'csv';
  /** Between the fields; a comma if nothing is said. */
  readonly delimiter?: ',' | ';' | '\t';
  /** UTF-8 if nothing is said; `latin1` is ISO 8859-1. */
  readonly encoding?: 'utf-8' | 'latin1';
  /**
   * `exact`: the header names the columns of `record`, each once, in any order, and no others; so it is if nothing is
   * said. `ignore-additional`: others are ignored, and those may be missing that `record` does not require. A file
   * whose header is different is refused.
   */
  readonly columns?: 'exact' | 'ignore-additional';
}
