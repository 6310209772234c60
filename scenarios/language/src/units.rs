//! The values of a file: durations, ranges, rates, sizes, names.

use std::fmt;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::DeValue;
use tribunal_common::{FlushPolicy, ObsKind, RarePath, TruncationMode};
use tribunal_contract::Span;
use tribunal_model::Property;

use super::keys::{Context, Value, wrong_type};
use super::nearest::suggestion;

/// A length of time that may be negative, in nanoseconds: how far a clock is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub i64);

/// A length of time drawn from a range, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct SpanRange {
    /// The least.
    pub min: Span,
    /// The most.
    pub max: Span,
}

/// A number drawn from a range, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct SizeRange {
    /// The least.
    pub min: u32,
    /// The most.
    pub max: u32,
}

/// So many, every so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many. At least 1.
    pub count: u32,
    /// In how long.
    pub per: Span,
}

/// A run of seeds, the end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Seeds {
    /// The first.
    pub start: u64,
    /// The one after the last.
    pub end: u64,
}

/// A time after which something is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum After {
    /// After so long.
    Span(Span),
    /// Not before the liveness phase.
    #[default]
    Never,
}

impl SpanRange {
    /// Always the same.
    pub const fn exactly(span: Span) -> SpanRange {
        SpanRange { min: span, max: span }
    }
}

impl Rate {
    /// The mean time from one to the next.
    pub const fn interval(self) -> Span {
        Span(self.per.0 / self.count as u64)
    }
}

impl Seeds {
    /// How many.
    pub fn count(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = u64> {
        self.start..self.end
    }
}

const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The longest duration a file may have: a year of simulated time.
pub(crate) const LONGEST: Span = Span(365 * 24 * 3_600_000_000_000);

/// A duration such as `3s`, `1.5ms` or `200us`.
pub fn parse_span(text: &str) -> Result<Span, String> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err("a time cannot be negative".into());
    }
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (number, unit) = (text[..unit_at].replace('_', ""), text[unit_at..].trim());
    if number.is_empty() {
        return Err("a duration is a number and a unit".into());
    }
    let Some(&(_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(if unit.is_empty() {
            format!("needs a unit: ns, us, ms, s, m or h, such as \"{number}s\"")
        } else {
            format!("unknown unit `{unit}`; units are ns, us, ms, s, m and h")
        });
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    if fraction.contains('.') || whole.is_empty() {
        return Err(format!("`{number}` is not a number"));
    }
    let mut total = whole.parse::<u64>().ok().and_then(|n| n.checked_mul(nanos)).unwrap_or(u64::MAX);
    let mut part = nanos;
    for digit in fraction.bytes() {
        if part % 10 != 0 {
            return Err("finer than a nanosecond".into());
        }
        part /= 10;
        total = total.saturating_add(part * u64::from(digit - b'0'));
    }
    if total > LONGEST.0 { Err("longer than a year".into()) } else { Ok(Span(total)) }
}

/// A duration as people write it, exact: `12.345678s`.
pub fn show_span(span: Span) -> String {
    let (unit, nanos) = match span.0 {
        0 | 1_000_000_000.. => ("s", 1_000_000_000),
        1_000_000.. => ("ms", 1_000_000),
        1_000.. => ("us", 1_000),
        _ => ("ns", 1),
    };
    let (whole, rest) = (span.0 / nanos, span.0 % nanos);
    if rest == 0 {
        return format!("{whole}{unit}");
    }
    let digits = nanos.ilog10() as usize;
    format!("{whole}.{}{unit}", format!("{rest:0digits$}").trim_end_matches('0'))
}

/// A range such as `1ms..4ms`, or one duration for a range of nothing else.
pub fn parse_span_range(text: &str) -> Result<SpanRange, String> {
    let Some((min, max)) = text.split_once("..") else { return parse_span(text).map(SpanRange::exactly) };
    let (min, max) = (parse_span(min)?, parse_span(max.trim_start_matches('='))?);
    if min > max {
        Err(format!("the range ends ({max:?}) before it begins ({min:?})"))
    } else {
        Ok(SpanRange { min, max })
    }
}

/// A rate such as `200/s`.
pub fn parse_rate(text: &str) -> Result<Rate, String> {
    let (count, unit) = text.split_once('/').ok_or("a rate is a number and a unit of time, such as \"200/s\"")?;
    let per = parse_span(&format!("1{}", unit.trim()))?;
    match count.trim().replace('_', "").parse::<i64>() {
        Ok(0) => Err("a rate cannot be zero".into()),
        Ok(n) if n < 0 => Err("a rate cannot be negative".into()),
        Ok(n) if n as u64 > per.0 || n > i64::from(u32::MAX) => Err("more than one a nanosecond".into()),
        Ok(n) => Ok(Rate { count: n as u32, per }),
        Err(_) => Err(format!("`{}` is not a whole number", count.trim())),
    }
}

/// A size in bytes such as `64KiB` or `1MB`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let factor = match text[unit_at..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        unit => return Err(format!("unknown unit `{unit}`; units are B, KiB, MiB, GiB, kB, MB and GB")),
    };
    let number = text[..unit_at].replace('_', "");
    number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).ok_or_else(|| format!("`{text}` is not a size"))
}

/// A seed, decimal or `0x` and hexadecimal.
pub fn parse_seed(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is not a seed: a number below 2^64, decimal or 0x and hexadecimal"))
}

/// Seeds such as `0..20`, the end not included.
pub fn parse_seeds(text: &str) -> Result<Seeds, String> {
    let (start, end) = text.split_once("..").ok_or("seeds are a range such as 0..20, the end not included")?;
    let seeds = Seeds { start: parse_seed(start)?, end: parse_seed(end)? };
    if seeds.count() == 0 { Err(format!("there is no seed in {text}")) } else { Ok(seeds) }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// `text` as a TOML string.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            c if c.is_control() => out += &format!("\\u{:04X}", c as u32),
            c => out.push(c),
        }
    }
    out + "\""
}

/// Reads a string by a parser that says what is wrong with it.
pub(crate) fn read_str<T>(
    cx: &mut Context,
    value: &Spanned<DeValue<'_>>,
    form: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let Some(text) = value.get_ref().as_str() else { return wrong_type(cx, value, form) };
    match parse(text) {
        Ok(parsed) => Some(parsed),
        Err(why) => {
            cx.error(value.span(), format!("expected {form}, found {}", quote(text)), why);
            None
        }
    }
}

/// Reads a whole number within bounds.
pub(crate) fn read_int(
    cx: &mut Context,
    value: &Spanned<DeValue<'_>>,
    form: &str,
    bounds: RangeInclusive<i64>,
) -> Option<i64> {
    let Some(number) = value.get_ref().as_integer() else { return wrong_type(cx, value, form) };
    match i64::from_str_radix(number.as_str(), number.radix()) {
        Ok(n) if bounds.contains(&n) => Some(n),
        Ok(n) if n < 0 && *bounds.start() >= 0 => {
            cx.error(value.span(), format!("expected {form}, found {n}"), "cannot be negative");
            None
        }
        parsed => {
            let found = parsed.map_or_else(|_| number.to_string(), |n| n.to_string());
            let label = format!("must be in {}..={}", bounds.start(), bounds.end());
            cx.error(value.span(), format!("expected {form}, found {found}"), label);
            None
        }
    }
}

/// Whether the value is the one word that it may be.
pub(crate) fn read_word(cx: &mut Context, value: &Spanned<DeValue<'_>>, form: &str, word: &str) -> bool {
    read_str(cx, value, form, |text| if text == word { Ok(()) } else { Err(suggestion(text, &[word])) }).is_some()
}

macro_rules! string_value {
    ($($type:ty, $form:literal, $parse:expr, $write:expr;)*) => {$(
        impl Value for $type {
            const FORM: &'static str = $form;
            fn read(cx: &mut Context, _: &str, value: &Spanned<DeValue<'_>>) -> Option<Self> {
                read_str(cx, value, Self::FORM, $parse)
            }
            fn write(&self) -> Option<String> {
                #[allow(clippy::redundant_closure_call, reason = "one table for all types")]
                Some(quote(&$write(self)))
            }
        }
    )*};
}
pub(crate) use string_value;

/// A value that is one of a few words. The words are Kafka's or the scenario language's own.
macro_rules! word_value {
    ($($type:ty, $form:literal, { $($word:literal => $variant:expr),* $(,)? };)*) => {$(
        impl Value for $type {
            const FORM: &'static str = $form;
            fn read(cx: &mut Context, _: &str, value: &Spanned<DeValue<'_>>) -> Option<Self> {
                read_str(cx, value, Self::FORM, |text| match text {
                    $($word => Ok($variant),)*
                    _ => Err($crate::nearest::suggestion(text, &[$($word),*])),
                })
            }
            fn write(&self) -> Option<String> {
                $(if *self == $variant { return Some(quote($word)); })*
                None
            }
        }
    )*};
}
pub(crate) use word_value;

string_value! {
    String, "a text", |text| Ok(text.to_owned()), |text: &String| text.clone();
    Span, "a duration, such as \"3s\"", parse_span, |span: &Span| show_span(*span);
    SpanRange, "a duration or a range of them, such as \"1ms..4ms\"", parse_span_range, |range: &SpanRange| {
        let (min, max) = (show_span(range.min), show_span(range.max));
        if min == max { min } else { format!("{min}..{max}") }
    };
    Offset, "a time to be off by, such as \"250ms\" or \"-2s\"",
        |text| match text.trim().strip_prefix('-') {
            Some(rest) => parse_span(rest).map(|span| Offset(-(span.0 as i64))),
            None => parse_span(text.trim().trim_start_matches('+')).map(|span| Offset(span.0 as i64)),
        },
        |offset: &Offset| {
            format!("{}{}", if offset.0 < 0 { "-" } else { "" }, show_span(Span(offset.0.unsigned_abs())))
        };
    Rate, "a rate, such as \"200/s\"", parse_rate, |rate: &Rate| {
        let unit = UNITS.iter().find(|(_, nanos)| *nanos == rate.per.0).map_or("s", |(unit, _)| unit);
        format!("{}/{unit}", rate.count)
    };
    Seeds, "a range of seeds, such as \"0..20\"", parse_seeds, |seeds: &Seeds| seeds.to_string();
    After, "a duration, or \"never\"",
        |text| if text == "never" { Ok(After::Never) } else { parse_span(text).map(After::Span) },
        |after: &After| match after { After::Span(span) => show_span(*span), After::Never => "never".into() };
    Property, "the name of a property",
        |text| Property::from_name(text)
            .ok_or_else(|| suggestion(text, &Property::ALL.iter().map(|p| p.name()).collect::<Vec<_>>())),
        |property: &Property| property.name().to_owned();
    RarePath, "the name of a rare path",
        |text| RarePath::from_name(text)
            .ok_or_else(|| suggestion(text, &RarePath::ALL.iter().map(|path| path.name()).collect::<Vec<_>>())),
        |path: &RarePath| path.name().to_owned();
    ObsKind, "the name of an observation",
        |text| ObsKind::from_name(text)
            .ok_or_else(|| suggestion(text, &ObsKind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>())),
        |kind: &ObsKind| kind.name().to_owned();
}

word_value! {
    TruncationMode, "\"fetch\" or \"lookup\"", { "fetch" => TruncationMode::Fetch, "lookup" => TruncationMode::Lookup };
    FlushPolicy, "\"never\" or \"every-write\"", {
        "never" => FlushPolicy::OperatingSystem,
        "every-write" => FlushPolicy::EveryWrite,
    };
}

impl Value for bool {
    const FORM: &'static str = "true or false";
    fn read(cx: &mut Context, _: &str, value: &Spanned<DeValue<'_>>) -> Option<bool> {
        value.get_ref().as_bool().or_else(|| wrong_type(cx, value, Self::FORM))
    }
    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for u32 {
    const FORM: &'static str = "a whole number";
    fn read(cx: &mut Context, _: &str, value: &Spanned<DeValue<'_>>) -> Option<u32> {
        read_int(cx, value, Self::FORM, 0..=i64::from(i32::MAX)).map(|n| n as u32)
    }
    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for i32 {
    const FORM: &'static str = "a whole number, which may be negative";
    fn read(cx: &mut Context, _: &str, value: &Spanned<DeValue<'_>>) -> Option<i32> {
        read_int(cx, value, Self::FORM, i64::from(i32::MIN)..=i64::from(i32::MAX)).map(|n| n as i32)
    }
    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// Bytes, as a number or with a unit.
impl Value for u64 {
    const FORM: &'static str = "a number, or a size such as \"64KiB\"";
    fn read(cx: &mut Context, _: &str, value: &Spanned<DeValue<'_>>) -> Option<u64> {
        if value.get_ref().is_str() {
            return read_str(cx, value, Self::FORM, parse_size);
        }
        read_int(cx, value, Self::FORM, 0..=i64::MAX).map(|n| n as u64)
    }
    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for SizeRange {
    const FORM: &'static str = "a number of bytes or a range, such as 100 or \"50..200\"";
    fn read(cx: &mut Context, _: &str, value: &Spanned<DeValue<'_>>) -> Option<SizeRange> {
        if !value.get_ref().is_str() {
            return read_int(cx, value, Self::FORM, 0..=1 << 30).map(|n| SizeRange { min: n as u32, max: n as u32 });
        }
        read_str(cx, value, Self::FORM, |text| {
            let (min, max) = text.split_once("..").unwrap_or((text, text));
            let small = |text| parse_size(text).and_then(|n| u32::try_from(n).map_err(|_| format!("{n} is too much")));
            let (min, max) = (small(min)?, small(max)?);
            if min > max { Err("the range ends before it begins".into()) } else { Ok(SizeRange { min, max }) }
        })
    }
    fn write(&self) -> Option<String> {
        Some(if self.min == self.max { self.min.to_string() } else { quote(&format!("{}..{}", self.min, self.max)) })
    }
}

impl<T: Value> Value for Option<T> {
    const FORM: &'static str = T::FORM;
    fn read(cx: &mut Context, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Option<T>> {
        T::read(cx, path, value).map(Some)
    }
    fn write(&self) -> Option<String> {
        self.as_ref().and_then(Value::write)
    }
}

impl<T: Value> Value for Vec<T> {
    const FORM: &'static str = "a list in brackets";
    fn read(cx: &mut Context, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Vec<T>> {
        let Some(array) = value.get_ref().as_array() else { return wrong_type(cx, value, Self::FORM) };
        let mut all = Vec::new();
        for (index, element) in array.iter().enumerate() {
            let path = format!("{path}[{index}]");
            cx.spans.insert(path.clone(), element.span());
            all.extend(T::read(cx, &path, element));
        }
        Some(all)
    }
    fn write(&self) -> Option<String> {
        Some(format!("[{}]", self.iter().filter_map(Value::write).collect::<Vec<_>>().join(", ")))
    }
}
