//! Records from a CSV file: `key,value,timestamp` and, if wanted, `headers`.

use std::sync::Arc;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::nearest::suggestion;
use super::source::Source;
use super::workload::Serializer;
use tribunal_contract::Span;

/// The most records a file may have: a plan keeps them in memory, once for all runs.
pub const MAX_RECORDS: usize = 1_000_000;

/// A record of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileRecord {
    /// Its key; an empty column is none.
    pub key: Option<String>,
    /// Its value, as text; the serializer makes bytes of it. None is null, a tombstone.
    pub value: Option<String>,
    /// Its timestamp, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// Its headers in order; a key may be there twice.
    pub headers: Vec<(String, String)>,
}

/// Reads the records of a CSV file, or says what is wrong in which line (the first 20 mistakes).
///
/// `timestamp` is in milliseconds since the Unix epoch or an RFC 3339 time (`2026-03-02T10:15:23.412Z`,
/// `2026-03-02T12:15:23+02:00`); it may not go back from one row to the next. `headers` is `name=value;name=value`.
/// A value that is `null`, if that is given, is none. With `longest`, the timestamps are when records are sent: no row may lie later than this after the first.
pub fn parse_records(
    source: &Source,
    serializer: Serializer,
    longest: Option<Span>,
    null: Option<&str>,
) -> Result<Arc<[FileRecord]>, Diagnostics> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(source.text().as_bytes());
    let mut file = File { source, null, diagnostics: Diagnostics::default() };
    let columns = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            file.wrong(1, error.to_string(), "");
            return Err(file.diagnostics);
        }
    };
    let columns: Vec<&str> = columns.iter().map(str::trim).collect();
    let Some(layout) = file.layout(&columns) else { return Err(file.diagnostics) };
    let longest_ms = longest.map_or(i64::MAX, |span| (span.0 / 1_000_000) as i64);
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
            let first = records.first().map_or(record.timestamp_ms, |record| record.timestamp_ms);
            if record.timestamp_ms - first > longest_ms {
                let message = "a timestamp more than a year after the first: the run would last as long".to_owned();
                let label = "leave it out, or give the producer a `rate`";
                file.wrong_cell(line, &row[layout.timestamp], message, label);
                break;
            }
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
    /// The text of a value that is null.
    null: Option<&'s str>,
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

    /// A mistake in the name of a column.
    fn wrong_column(&mut self, columns: &[&str], at: usize, message: String, label: &str) {
        let line = self.source.line(1);
        let start: usize = line.split(',').take(at).map(|cell| cell.len() + 1).sum();
        // A quoted header may hold commas: then the first place of the name is marked.
        let Some(rest) = line.get(start..).filter(|rest| rest.trim_start().starts_with(columns[at])) else {
            return self.wrong_cell(1, columns[at], message, label);
        };
        let start = self.source.line_range(1).start + start + rest.len() - rest.trim_start().len();
        let (source, range) = (self.source.clone(), start..start + columns[at].len());
        self.diagnostics.0.push(Diagnostic { source, range, message, label: label.to_owned(), help: None });
    }

    fn layout(&mut self, columns: &[&str]) -> Option<Layout> {
        const KNOWN: [&str; 4] = ["key", "value", "timestamp", "headers"];
        for (at, column) in columns.iter().enumerate() {
            if columns[..at].contains(column) {
                self.wrong_column(columns, at, format!("a second column `{column}`"), "each column once");
            } else if !KNOWN.contains(column) {
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
        let timestamp_ms = match parse_timestamp(stamp) {
            Ok(timestamp_ms) => timestamp_ms,
            Err(why) => {
                self.wrong_cell(line, stamp, format!("`{stamp}` is not a timestamp"), &why);
                return None;
            }
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
        let value = Some(value).filter(|value| self.null != Some(*value));
        let fits = match (serializer, value.unwrap_or_default()) {
            _ if value.is_none() => Ok(()),
            (Serializer::Bytes | Serializer::String, _) => Ok(()),
            (Serializer::Integer, value) => {
                value.parse::<i64>().map(drop).map_err(|_| "not a 64-bit integer".to_owned())
            }
            (Serializer::Json, value) => serde_json::from_str::<serde::de::IgnoredAny>(value)
                .map(drop)
                .map_err(|error| format!("not JSON: {error}")),
        };
        if let Err(why) = fits {
            self.wrong_cell(line, value.unwrap_or_default(), "a value that the serializer cannot take".into(), &why);
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
        Some(FileRecord { key, value: value.map(str::to_owned), timestamp_ms, headers })
    }
}

/// The last millisecond of the year 2199: later ones are mistakes of unit.
const LAST_MILLIS: i64 = 7_258_118_399_999;

/// Numbers of ten digits: seconds of the years 2001 to 2286, and milliseconds of the first months of 1970.
const LIKELY_SECONDS: std::ops::Range<i64> = 1_000_000_000..10_000_000_000;

/// Milliseconds since the Unix epoch, from a number or an RFC 3339 time; else what a timestamp is.
fn parse_timestamp(text: &str) -> Result<i64, String> {
    const FORMS: &str = "milliseconds since 1970, or an RFC 3339 time such as 2026-03-02T10:15:23.412Z";
    let text = text.trim();
    let millis = match text.parse::<i64>() {
        Ok(seconds) if LIKELY_SECONDS.contains(&seconds) => {
            return Err(format!("these are seconds, it seems: in milliseconds it is {seconds}000"));
        }
        Ok(millis) => millis,
        // jiff takes more forms than RFC 3339 has, and knows which days and times there are.
        Err(_) if !has_rfc_3339_form(text) => return Err(FORMS.to_owned()),
        Err(_) => match text.to_ascii_uppercase().parse::<jiff::Timestamp>() {
            Ok(time) => time.as_millisecond(),
            Err(error) => return Err(error.to_string()),
        },
    };
    match (0..=LAST_MILLIS).contains(&millis) {
        true => Ok(millis),
        false => Err("from 1970 to 2199".to_owned()),
    }
}

/// Whether a text has the form `date-time` of RFC 3339 §5.6: `YYYY-MM-DDTHH:MM:SS[.digits](Z|±HH:MM)`.
fn has_rfc_3339_form(text: &str) -> bool {
    const DATE_TIME: &str = "0000-00-00T00:00:00";
    let matches = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                _ => byte.eq_ignore_ascii_case(&form),
            })
    };
    let Some((date_time, rest)) = text.split_at_checked(DATE_TIME.len()) else { return false };
    let rest = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
    };
    let zone = ["Z", "+00:00", "-00:00"].iter().any(|form| matches(rest, form));
    // jiff takes offsets of more than a day.
    let hours = rest.get(1..3).and_then(|hours| hours.parse::<u8>().ok()).unwrap_or(0);
    let minutes = rest.get(4..6).and_then(|minutes| minutes.parse::<u8>().ok()).unwrap_or(0);
    matches(date_time, DATE_TIME) && zone && hours < 24 && minutes < 60
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::LONGEST;

    fn wrong(text: &str, serializer: Serializer) -> String {
        parse_records(&Source::new("clicks.csv", text), serializer, None, None).expect_err("accepted").to_string()
    }

    #[test]
    fn rows_become_records_with_headers_in_order() {
        let text =
            "key,value,timestamp,headers\ns1,\"{\"\"a\"\":1}\",2026-03-02T10:15:23.4Z,a=1;a=2\n,2,1772446523401,\n";
        let records = parse_records(&Source::new("clicks.csv", text), Serializer::Json, None, None).unwrap();
        assert_eq!(records[0].key.as_deref(), Some("s1"));
        assert_eq!(records[0].value.as_deref(), Some("{\"a\":1}"));
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
    fn times_are_those_of_rfc_3339() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2026-11-22T22:11:05.007Z", 1_795_385_465_007),
            ("2026-11-22t22:11:05.007999z", 1_795_385_465_007),
            ("2026-11-23T00:11:05.007+02:00", 1_795_385_465_007),
            ("2026-11-22T17:41:05.007-04:30", 1_795_385_465_007),
            ("2026-11-22T22:11:05-00:00", 1_795_385_465_000),
            // A leap second counts as the last one of its minute.
            ("1990-12-31T23:59:60Z", 662_687_999_000),
            ("1772446523401", 1_772_446_523_401),
            ("5", 5),
        ] {
            assert_eq!(parse_timestamp(text), Ok(millis), "{text}");
        }
        for text in [
            "2026-02-30T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00.-99Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T+5:-0:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00Z",
            "2026-01-01T00Z",
            "2026-01-01",
            "2026-01-01T00:00:00+0200",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+02:60",
            "2026-01-01T00:00:00Z[UTC]",
            "20260101T000000Z",
            "1969-12-31T23:59:59Z",
            "2200-01-01T00:00:00Z",
            "-5",
            "",
        ] {
            assert!(parse_timestamp(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_are_not_taken_for_milliseconds() {
        let drawn = wrong("key,value,timestamp\na,1,1772446523\n", Serializer::Bytes);
        assert!(drawn.contains("these are seconds, it seems: in milliseconds it is 1772446523000"), "{drawn}");
    }

    #[test]
    fn a_column_that_is_there_twice_is_shown() {
        let drawn = wrong("key,key,value,timestamp\na,b,1,5\n", Serializer::Bytes);
        assert!(drawn.contains("a second column `key`\n --> clicks.csv:1:5\n"), "{drawn}");
    }

    #[test]
    fn the_text_that_stands_for_null_is_a_tombstone() {
        let source = Source::new("users.csv", "key,value,timestamp\na,\\N,5\nb,,5\nc,{},5\n");
        let read = |null| parse_records(&source, Serializer::Json, None, null);
        assert!(read(None).expect_err("accepted").to_string().contains("a value that the serializer cannot take"));
        let source = Source::new("users.csv", "key,value,timestamp\na,\\N,5\nc,{},5\n");
        let read = parse_records(&source, Serializer::Json, None, Some("\\N")).unwrap();
        assert_eq!((read[0].value.as_deref(), read[1].value.as_deref()), (None, Some("{}")));
    }

    #[test]
    fn rows_more_than_a_year_apart_are_shown_if_they_set_the_pace() {
        let source = Source::new("clicks.csv", "key,value,timestamp\na,1,0\nb,2,1735689600000\n");
        let drawn = parse_records(&source, Serializer::Bytes, Some(LONGEST), None).expect_err("accepted").to_string();
        assert!(
            drawn.contains("more than a year after the first") && drawn.contains(" --> clicks.csv:3:5\n"),
            "{drawn}"
        );
        assert!(parse_records(&source, Serializer::Bytes, None, None).is_ok());
    }
}
