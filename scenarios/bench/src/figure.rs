//! A measured figure.

use std::fmt;

/// A figure: its rounds, and what it must reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// In which unit.
    pub unit: &'static str,
    /// Each round's value, ascending.
    pub rounds: Vec<f64>,
    /// What it must reach, if it must.
    pub goal: Option<Goal>,
}

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// This, or more.
    AtLeast(f64),
    /// This, or less.
    AtMost(f64),
}

impl Figure {
    /// The figure of these rounds, of which there is at least one.
    pub fn new(name: impl Into<String>, unit: &'static str, mut rounds: Vec<f64>, goal: Option<Goal>) -> Figure {
        rounds.sort_by(f64::total_cmp);
        Figure { name: name.into(), unit, rounds, goal }
    }

    /// The round in the middle, the lower one of two.
    pub fn median(&self) -> f64 {
        self.rounds[(self.rounds.len() - 1) / 2]
    }

    /// Whether the median reaches the goal; none without one.
    pub fn is_reached(&self) -> Option<bool> {
        Some(match self.goal? {
            Goal::AtLeast(bound) => self.median() >= bound,
            Goal::AtMost(bound) => self.median() <= bound,
        })
    }
}

/// A line of the table: name, median, unit, spread, goal.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.rounds[0], self.rounds[self.rounds.len() - 1]);
        let spread = if first == last { String::new() } else { format!("{} … {}", short(first), short(last)) };
        let goal = match self.goal {
            Some(Goal::AtLeast(bound)) => format!("≥ {}", short(bound)),
            Some(Goal::AtMost(bound)) => format!("≤ {}", short(bound)),
            None => String::new(),
        };
        let missed = if self.is_reached() == Some(false) { "  missed" } else { "" };
        let line = format!(
            "{:<36} {:>8} {:<28} {:<19} {:<9}{missed}",
            self.name,
            short(self.median()),
            self.unit,
            spread,
            goal
        );
        f.write_str(line.trim_end())
    }
}

/// A number in three digits, with thousands and millions as k and M.
fn short(value: f64) -> String {
    let (value, suffix) = match value.abs() {
        size if size >= 999_500.0 => (value / 1e6, " M"),
        size if size >= 9_995.0 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let text = if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_round_that_was_measured() {
        let figure = |rounds: &[f64]| Figure::new("x", "y", rounds.to_vec(), Some(Goal::AtLeast(2.0)));
        assert_eq!(figure(&[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(figure(&[4.0, 1.0, 3.0, 2.0]).median(), 2.0);
        assert_eq!(figure(&[3.0, 1.0, 2.0]).is_reached(), Some(true));
        assert_eq!(figure(&[1.0]).is_reached(), Some(false));
        assert_eq!(Figure::new("x", "y", vec![3.0], Some(Goal::AtMost(2.0))).is_reached(), Some(false));
        assert_eq!(Figure::new("x", "y", vec![3.0], None).is_reached(), None);
    }

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in [
            (0.2, "0.2"),
            (1.0, "1"),
            (9.994, "9.99"),
            (9.996, "10"),
            (24.16, "24.2"),
            (540.4, "540"),
            (5_000.0, "5000"),
            (12_340.0, "12.3 k"),
            (999_600.0, "1 M"),
            (21_400_000.0, "21.4 M"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn a_line_says_when_a_goal_is_missed() {
        let line = |value| Figure::new("echo", "messages/s", vec![value], Some(Goal::AtLeast(2e6))).to_string();
        assert!(line(1e6).ends_with("≥ 2 M      missed"), "{}", line(1e6));
        assert!(line(3e6).ends_with("≥ 2 M"), "{}", line(3e6));
    }
}
