// Does the passengers’ cleaning in DuckDB’s SQL on one thread:
// duckdb-csv-child <input.csv> <output.csv>
import { DuckDBInstance } from '@duckdb/node-api';

const [, , input = '', output = ''] = process.argv;
const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
// In its strict mode a quote in a wrong place leaves no row of the whole file.
const cpu = process.cpuUsage();
await connection.run(`create table kept as
  select * from read_csv('${input}', header = true, ignore_errors = true, strict_mode = false, columns = {
    PassengerId: 'INTEGER', Survived: 'INTEGER', Pclass: 'INTEGER', Name: 'VARCHAR', Sex: 'VARCHAR', Age: 'DOUBLE',
    SibSp: 'INTEGER', Parch: 'INTEGER', Ticket: 'VARCHAR', Fare: 'DOUBLE', Cabin: 'VARCHAR', Embarked: 'VARCHAR'})
  where PassengerId is not null and Pclass is not null and Name is not null and Sex is not null
    and Age is not null and Survived = 1`);
await connection.run(`copy kept to '${output}' (format csv, header true)`);
const { user, system } = process.cpuUsage(cpu);
const counted = await connection.runAndReadAll('select count(*), sum(PassengerId), sum(Fare) from kept');
const [rows, idSum, fareSum] = counted.getRows()[0] ?? [];
console.log(
  JSON.stringify({
    cpuMs: (user + system) / 1000,
    rows: Number(rows),
    idSum: Number(idSum),
    fareSum: Number(fareSum),
  }),
);
