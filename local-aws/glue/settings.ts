export interface CatalogColumn {
  readonly name: string;
  readonly type: string;
}

export interface TableSettings {
  readonly name: string;
  readonly database: string;
  /** `s3://bucket/prefix/` */
  readonly location: string;
  readonly columns: readonly CatalogColumn[];
  readonly partitionKeys: readonly CatalogColumn[];
  readonly inputFormat: string;
  readonly outputFormat: string;
  readonly serde: {
    readonly serializationLibrary: string;
    readonly parameters: Readonly<Record<string, string>>;
  };
  readonly parameters: Readonly<Record<string, string>>;
}

/** A crawler over tables of the catalog, in S3 event mode. */
export interface CrawlerSettings {
  readonly name: string;
  readonly arn: string;
  readonly roleArn: string;
  readonly database: string;
  readonly tables: readonly string[];
  readonly queueArn: string;
}

/** The catalog as a program declares it. */
export interface CatalogSettings {
  readonly databases: readonly { readonly name: string; readonly arn: string }[];
  readonly tables: readonly TableSettings[];
  readonly crawlers: readonly CrawlerSettings[];
}
