// Holds a SQLite file's exclusive lock until its standard input ends. Prints "locked" when it has it.
import Database from 'better-sqlite3';

const database = new Database(process.argv[2]!);
database.exec('BEGIN EXCLUSIVE');
process.stdout.write('locked\n');
process.stdin.resume().on('end', () => {
  database.exec('COMMIT');
  process.exit(0);
});
