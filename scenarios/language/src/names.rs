//! The names that scenarios may use for what is judged. What is reached, they name by [`tribunal_common::ObsKind`].

use tribunal_common::Bug;
use tribunal_model::{Property, PropertyKind};

use super::nearest::nearest;

/// The planted bug of that id, or what is wrong with it.
///
/// # Errors
/// If there is none, with the nearest one that there is.
pub fn parse_bug(id: &str) -> Result<Bug, String> {
    Bug::from_id(id).ok_or_else(|| match nearest(id, Bug::ALL.iter().map(|bug| bug.id())) {
        Some(near) => format!("unknown bug; did you mean {near}?"),
        None => "unknown bug; `tribunal list bugs` lists them".into(),
    })
}

/// A property that exists, as files name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyName(Property);

impl PropertyName {
    /// The property of that name.
    pub fn new(name: &str) -> Option<PropertyName> {
        Property::ALL.iter().copied().find(|property| property.name() == name).map(PropertyName)
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0.name()
    }

    /// The property.
    pub fn property(self) -> Property {
        self.0
    }

    /// Whether it is judged whether or not a scenario names it: everything but what clients may see of the history.
    pub fn always_on(self) -> bool {
        self.0.kind() != PropertyKind::Validation || self.0 == Property::QuorumConsistentCommittedData
    }
}

impl From<Property> for PropertyName {
    fn from(property: Property) -> PropertyName {
        PropertyName(property)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_can_be_named() {
        for property in Property::ALL {
            assert_eq!(PropertyName::new(property.name()), Some(PropertyName::from(*property)));
        }
        assert_eq!(PropertyName::new("Lost-Write"), None);
    }
}
