//! Rare paths: right ways to go on that seldom come about by themselves, marked where they are (FoundationDB's
//! BUGGIFY).
//!
//! A world that wants them takes each now and then ([`tribunal_contract::Effects::rare`]); a server never does.

crate::named! {
    /// A rare path.
    pub enum RarePath
    /// The name in a scenario.
    by name {
        EarlyTimer = "early-timer", "a fetch that finds nothing is answered at once instead of parked for its wait";
        ForcedSnapshot = "forced-snapshot", "a metadata snapshot is taken before it is due";
        MinimalBatch = "minimal-batch", "a producer begins a new batch though the record would have fitted into the last one";
        ShortRead = "short-read", "a fetch is answered with one batch though there are more";
        TinySegment = "tiny-segment", "a log begins a new segment before the one it has is full";
    }
}

impl RarePath {
    /// The rare path of that name.
    pub fn from_name(name: &str) -> Option<RarePath> {
        RarePath::ALL.iter().copied().find(|path| path.name() == name)
    }
}

/// `rare!(io, ShortRead)`: whether to take that rare path now.
#[macro_export]
macro_rules! rare {
    ($io:expr, $path:ident) => {
        $io.fx.rare($crate::RarePath::$path as u8)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again_and_sites_fit_the_mask_of_a_world() {
        for (site, path) in RarePath::ALL.iter().enumerate() {
            assert_eq!(RarePath::from_name(path.name()), Some(*path));
            assert_eq!(*path as usize, site);
        }
        assert!(RarePath::ALL.len() <= 64);
    }
}
