/** MariaDB's or MySQL's server program; undefined when there is none. */
export function findMysqlServer(environment?: NodeJS.ProcessEnv): string | undefined;
/** The program that creates MariaDB's data directory; undefined when it is not installed. */
export function findMariadbInstaller(server: string, environment?: NodeJS.ProcessEnv): string | undefined;
