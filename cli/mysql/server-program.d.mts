/** MariaDB's or MySQL's server program; undefined when there is none. */
export function findMysqlServer(environment?: NodeJS.ProcessEnv): string | undefined;
/** What makes MariaDB's first data directory; undefined when it is not installed. */
export function findMariadbInstaller(server: string, environment?: NodeJS.ProcessEnv): string | undefined;
