//! Series in simulated time, computed from a run's records: what charts, pages, tables and comparisons show.
//!
//! Each part is a module of its own and knows neither charts nor pages. [`Series::write`] keeps them as CSV files.

mod activity;
mod availability;
mod lag;
mod latency;
mod rate;
mod recovery;
mod tables;

pub use activity::{Activity, Down, LinkSeries, SyncBin};
pub use availability::{Availability, Share, UNAVAILABLE_AFTER_S, Window};
pub use lag::{Lag, LagSeries};
pub(crate) use latency::send_histogram;
pub use latency::{BinQuantiles, Distribution, Latency, QUANTILES, RawPoint};
pub use rate::{Rate, RateSeries};
pub use recovery::{Effect, Recovery, RecoveryRow};

use crate::data::Data;

/// Everything about a run over time.
#[derive(Debug)]
pub struct Series {
    /// How long operations took.
    pub latency: Latency,
    /// How many there were.
    pub rate: Rate,
    /// Which of them succeeded, and when none did.
    pub availability: Availability,
    /// How long it took to recover from each fault, and what each did.
    pub recovery: Recovery,
    /// How far consumers were behind.
    pub lag: Lag,
    /// Disks and links.
    pub activity: Activity,
}

impl Series {
    /// Computes everything. `activity` comes from the trace, which is a stream of its own.
    pub fn of(data: &Data, activity: Activity) -> Series {
        let availability = Availability::of(data);
        Series {
            latency: Latency::of(data),
            rate: Rate::of(data),
            recovery: Recovery::of(data, &availability),
            lag: Lag::of(data),
            availability,
            activity,
        }
    }
}
