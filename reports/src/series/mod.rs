//! Series over simulated time, computed from a run's records. Charts, pages, tables and comparisons show them.
//!
//! Each part is a module of its own and depends on neither charts nor pages. [`Series::write`] writes CSV files.

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

/// All series of a run.
#[derive(Debug)]
pub struct Series {
    /// The latency of operations.
    pub latency: Latency,
    /// The rate of operations.
    pub rate: Rate,
    /// The success of operations, and the windows without any.
    pub availability: Availability,
    /// The effects of each fault, and the recovery from it.
    pub recovery: Recovery,
    /// The lag of consumers.
    pub lag: Lag,
    /// The activity of disks and links.
    pub activity: Activity,
}

impl Series {
    /// Computes all series. `activity` comes from the trace, which is read separately.
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
