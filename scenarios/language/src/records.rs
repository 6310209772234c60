//! Records from a CSV file: `key,value,timestamp` and, if wanted, `headers`.

use std::sync::Arc;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::nearest::suggestion;
use super::source::Source;
use super::workload::Serializer;

/// The most records a file may have: a plan keeps them in memory, once for all runs.
pub const MAX_RECORDS: usize = 1_000_000;

/// A record of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileRecord {
    /// Its key; an empty column is none.
    pub key: Option<String>,
    /// Its value, as text; the serializer makes bytes of it.
    pub value: String,
    /// Its timestamp, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// Its headers in order; a key may be there twice.
    pub headers: Vec<(String, String)>,
}

/// Reads the records of a CSV file, or says what is wrong in which line (the first 20 mistakes).
///
/// `timestamp` is in milliseconds since the Unix epoch or an RFC 3339 time in UTC (`2026-03-02T10:15:23.412Z`); it may
/// not go back from one row to the next. `headers` is `name=value;name=value`.
pub fn parse_records(source: &Source, serializer: Serializer) -> Result<Arc<[FileRecord]>, Diagnostics> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(source.text().as_bytes());
    let mut file = File { source, diagnostics: Diagnostics::default() };
    let columns = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            file.wrong(1, error.to_string(), "");
            return Err(file.diagnostics);
        }
    };
    let columns: Vec<&str> = columns.iter().map(str::trim).collect();
    let Some(layout) = file.layout(&columns) else { return Err(file.diagnostics) };
    let mut records: Vec<FileRecord> = Vec::new();
    for row in reader.records() {
        if file.diagnostics.0.len() >= 20 {
            break;
        }
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                let line = error.position().map_or(1, |position| position.line());
                file.wrong(line, format!("a row that is not CSV: {error}"), "");
                break;
            }
        };
        let line = row.position().map_or(1, |position| position.line());
        let last = records.last().map(|record| record.timestamp_ms);
        if let Some(record) = file.record(line, &row, &columns, &layout, serializer, last) {
            records.push(record);
        }
        if records.len() > MAX_RECORDS {
            file.wrong(line, "too many records", &format!("at most {MAX_RECORDS}"));
            break;
        }
    }
    if records.is_empty() && file.diagnostics.0.is_empty() {
        file.wrong(1, "a file without records", "only a header");
    }
    if file.diagnostics.0.is_empty() { Ok(records.into()) } else { Err(file.diagnostics) }
}

/// What the bytes of a file hash to (FNV-1a, 64 bits), as plans note it.
pub fn checksum(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

/// Which column is what.
struct Layout {
    key: usize,
    value: usize,
    timestamp: usize,
    headers: Option<usize>,
}

struct File<'s> {
    source: &'s Source,
    diagnostics: Diagnostics,
}

impl File<'_> {
    fn wrong(&mut self, line: u64, message: impl Into<String>, label: &str) {
        let range = self.source.line_range(line as usize);
        let source = self.source.clone();
        self.diagnostics.0.push(Diagnostic {
            source,
            range,
            message: message.into(),
            label: label.to_owned(),
            help: None,
        });
    }

    /// A mistake in a cell: marked where the cell's text stands in its line, if it is there as it is.
    fn wrong_cell(&mut self, line: u64, cell: &str, message: String, label: &str) {
        let mut range = self.source.line_range(line as usize);
        if let Some(at) = self.source.line(line as usize).find(cell).filter(|_| !cell.is_empty()) {
            range = range.start + at..range.start + at + cell.len();
        }
        let source = self.source.clone();
        self.diagnostics.0.push(Diagnostic { source, range, message, label: label.to_owned(), help: None });
    }

    fn layout(&mut self, columns: &[&str]) -> Option<Layout> {
        const KNOWN: [&str; 4] = ["key", "value", "timestamp", "headers"];
        for column in columns {
            if !KNOWN.contains(column) {
                self.wrong_cell(1, column, format!("unknown column `{column}`"), &suggestion(column, &KNOWN));
            }
        }
        let at = |name: &str| columns.iter().position(|column| *column == name);
        let missing = KNOWN[..3].iter().find(|name| at(name).is_none());
        if let Some(name) = missing.filter(|_| self.diagnostics.0.is_empty()) {
            self.wrong(1, format!("no column `{name}`"), "the header must be key,value,timestamp[,headers]");
        }
        if !self.diagnostics.0.is_empty() {
            return None;
        }
        Some(Layout { key: at("key")?, value: at("value")?, timestamp: at("timestamp")?, headers: at("headers") })
    }

    fn record(
        &mut self,
        line: u64,
        row: &csv::StringRecord,
        columns: &[&str],
        layout: &Layout,
        serializer: Serializer,
        last: Option<i64>,
    ) -> Option<FileRecord> {
        if row.len() != columns.len() {
            let message = format!("a row of {} columns under a header of {}", row.len(), columns.len());
            self.wrong(line, message, "");
            return None;
        }
        let (key, value, stamp) = (&row[layout.key], &row[layout.value], &row[layout.timestamp]);
        let Some(timestamp_ms) = parse_timestamp(stamp) else {
            let label = "milliseconds since 1970, or a time such as 2026-03-02T10:15:23.412Z";
            self.wrong_cell(line, stamp, format!("`{stamp}` is not a timestamp"), label);
            return None;
        };
        if last.is_some_and(|last| timestamp_ms < last) {
            self.wrong_cell(
                line,
                stamp,
                "a timestamp before that of the row above".into(),
                "rows are in order of time",
            );
            return None;
        }
        let fits = match serializer {
            Serializer::Bytes | Serializer::String => Ok(()),
            Serializer::Integer => value.parse::<i64>().map(drop).map_err(|_| "not a 64-bit integer".to_owned()),
            Serializer::Json => serde_json::from_str::<serde::de::IgnoredAny>(value)
                .map(drop)
                .map_err(|error| format!("not JSON: {error}")),
        };
        if let Err(why) = fits {
            self.wrong_cell(line, value, "a value that the serializer cannot take".into(), &why);
            return None;
        }
        let mut headers = Vec::new();
        let cell = layout.headers.map_or("", |column| &row[column]);
        for pair in cell.split(';').filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                self.wrong_cell(line, pair, format!("`{pair}` is not a header"), "headers are name=value;name=value");
                return None;
            };
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        let key = (!key.is_empty()).then(|| key.to_owned());
        Some(FileRecord { key, value: value.to_owned(), timestamp_ms, headers })
    }
}

/// The last millisecond of the year 2199: later ones are mistakes of unit.
const LAST_MILLIS: i64 = 7_258_118_399_999;

/// Milliseconds since the Unix epoch, from a number or an RFC 3339 time in UTC.
fn parse_timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(millis) = text.parse::<i64>() {
        return (0..=LAST_MILLIS).contains(&millis).then_some(millis);
    }
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (time.next()?.parse::<i64>().ok()?, time.next()?.parse::<i64>().ok()?);
    let (second, fraction) = time.next().map(|s| s.split_once('.').unwrap_or((s, "0")))?;
    let second = second.parse::<i64>().ok()?;
    let millis = format!("{fraction:0<3.3}").parse::<i64>().ok()?;
    let sane = (1970..=2199).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !sane || !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..=60).contains(&second) {
        return None;
    }
    Some((((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + millis)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years counted from March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str, serializer: Serializer) -> String {
        parse_records(&Source::new("clicks.csv", text), serializer).expect_err("accepted").to_string()
    }

    #[test]
    fn rows_become_records_with_headers_in_order() {
        let text =
            "key,value,timestamp,headers\ns1,\"{\"\"a\"\":1}\",2026-03-02T10:15:23.4Z,a=1;a=2\n,2,1772446523401,\n";
        let records = parse_records(&Source::new("clicks.csv", text), Serializer::Json).unwrap();
        assert_eq!(records[0].key.as_deref(), Some("s1"));
        assert_eq!(records[0].value, "{\"a\":1}");
        assert_eq!(records[0].timestamp_ms, 1_772_446_523_400);
        assert_eq!(records[0].headers, [("a".into(), "1".into()), ("a".into(), "2".into())]);
        assert_eq!(records[1].key, None);
    }

    #[test]
    fn a_bad_row_is_shown_with_its_line() {
        let drawn = wrong("key,value,timestamp\na,1,5\nb,2,yesterday\n", Serializer::Bytes);
        assert!(drawn.contains("error: `yesterday` is not a timestamp\n --> clicks.csv:3:5\n"), "{drawn}");
        let drawn = wrong("key,value,timestamp\na,1,5\nb,2,4\n", Serializer::Bytes);
        assert!(drawn.contains("a timestamp before that of the row above\n --> clicks.csv:3:5\n"), "{drawn}");
        let drawn = wrong("key,value,timestamp\na,1\n", Serializer::Bytes);
        assert!(drawn.contains("a row of 2 columns under a header of 3\n --> clicks.csv:2:1\n"), "{drawn}");
        let drawn = wrong("key,value,timestamp\na,{,5\n", Serializer::Json);
        assert!(drawn.contains(" --> clicks.csv:2:3\n") && drawn.contains("not JSON"), "{drawn}");
        let drawn = wrong("key,value,timestamp\na,x,5\n", Serializer::Integer);
        assert!(drawn.contains("not a 64-bit integer"), "{drawn}");
    }

    #[test]
    fn a_bad_header_is_shown() {
        assert!(wrong("key,vlaue,timestamp\n", Serializer::Bytes).contains("did you mean `value`?"));
        assert!(wrong("key,value\n", Serializer::Bytes).contains("no column `timestamp`"));
        assert!(wrong("key,value,timestamp\n", Serializer::Bytes).contains("without records"));
        assert!(wrong("", Serializer::Bytes).contains("no column `key`"));
        let text = "key,value,timestamp,headers\na,b,1,plain\n";
        assert!(wrong(text, Serializer::Bytes).contains("`plain` is not a header"));
    }

    #[test]
    fn dates_are_those_of_the_gregorian_calendar() {
        assert_eq!(parse_timestamp("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_timestamp("2000-02-29T00:00:00Z"), Some(951_782_400_000));
        assert_eq!(parse_timestamp("2026-11-22T22:11:05.007Z"), Some(1_795_385_465_007));
        assert_eq!(parse_timestamp("2026-13-01T00:00:00Z"), None);
        assert_eq!(parse_timestamp("-5"), None);
    }
}
