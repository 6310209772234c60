//! The search is right about how many states there are: those of a specification that other checkers have counted.

use tribunal_checker::kip320::Kip320;

#[test]
fn the_states_of_the_kip_320_specification_are_as_many_as_tlc_counts() {
    assert_eq!(Kip320 { max_leader_epoch: 1 }.distinct_states(), 39_619);
    assert_eq!(Kip320 { max_leader_epoch: 2 }.distinct_states(), 737_794);
}
