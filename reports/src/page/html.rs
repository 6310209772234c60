//! Pieces of HTML. Every text goes through [`escaped`].

use std::fmt::Write as _;

/// Escapes a text for an element or an attribute.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c => out.push(c),
        }
    }
    out
}

/// Serializes a value as JSON that is safe in a script element.
pub(crate) fn script_json(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
    text.replace("</", "<\\/").replace("<!--", "<\\u0021--")
}

/// A table. Columns whose header begins with `#` hold numbers.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let class = |n: usize| if header.get(n).is_some_and(|name| name.starts_with('#')) { " class=\"n\"" } else { "" };
    let mut out = String::from("<div class=\"wide\"><table><thead><tr>");
    for (n, name) in header.iter().enumerate() {
        let _ = write!(out, "<th{}>{}</th>", class(n), escaped(name.trim_start_matches('#')));
    }
    out += "</tr></thead><tbody>";
    for row in rows {
        out += "<tr>";
        for (n, value) in row.iter().enumerate() {
            let _ = write!(out, "<td{}>{}</td>", class(n), escaped(value));
        }
        out += "</tr>";
    }
    out + "</tbody></table></div>"
}

/// A number with commas between thousands.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds with three significant digits.
pub(crate) fn milliseconds(value: f64) -> String {
    match value {
        v if !v.is_finite() => "–".to_owned(),
        v if v >= 100.0 => format!("{v:.0} ms"),
        v if v >= 10.0 => format!("{v:.1} ms"),
        v => format!("{v:.2} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_run_cannot_break_out_of_the_page() {
        assert_eq!(escaped("<a title=\"x\">&"), "&lt;a title=&quot;x&quot;&gt;&amp;");
        assert_eq!(script_json(&"</script><!--"), "\"<\\/script><\\u0021--\"");
        assert!(table(&["a"], &[vec!["<b>".into()]]).contains("<td>&lt;b&gt;</td>"));
    }
}
