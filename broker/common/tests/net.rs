//! What the connection table promises to the parts of a broker.

use tribunal_common::{CallFailed, Local, Net, Obs, Received, lanes};
use tribunal_contract::{ConnId, Effects, Lane, NodeId, Span, TimerId};
use tribunal_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use tribunal_protocol::{Message, RequestBody, ResponseBody};

const ME: NodeId = NodeId(1);
const PEER: NodeId = NodeId(2);
const LANE: Lane = lanes::CONTROL;

/// Notes what was asked of the world.
#[derive(Default)]
struct World {
    sent: Vec<(ConnId, Message)>,
    closed: Vec<ConnId>,
    connects: Vec<(NodeId, Lane)>,
}

impl Effects<Message, Obs> for World {
    fn send(&mut self, conn: ConnId, msg: Message) {
        self.sent.push((conn, msg));
    }
    fn close(&mut self, conn: ConnId) {
        self.closed.push(conn);
    }
    fn connect(&mut self, peer: NodeId, lane: Lane) {
        self.connects.push((peer, lane));
    }
    fn set_timer(&mut self, _: TimerId, _: Span, _: Span) {}
    fn cancel_timer(&mut self, _: TimerId) {}
    fn observe(&mut self, _: Obs) {}
    fn choose(&mut self, _: u32) -> u32 {
        0
    }
    fn halt(&mut self, _: &'static str) {}
}

fn request() -> RequestBody {
    ApiVersionsRequest::default().into()
}

fn response(throttle_time_ms: i32) -> ResponseBody {
    ApiVersionsResponse { throttle_time_ms, ..Default::default() }.into()
}

fn outgoing(attempt: u32) -> ConnId {
    ConnId { initiator: ME, acceptor: PEER, lane: LANE, attempt }
}

fn incoming(attempt: u32) -> ConnId {
    ConnId { initiator: PEER, acceptor: ME, lane: LANE, attempt }
}

#[test]
fn a_call_waits_for_its_connection_and_its_answer_frees_the_lane() {
    let (mut net, mut world) = (Net::new(ME), World::default());
    assert!(net.call(&mut world, PEER, LANE, 3, request()));
    assert_eq!(world.connects, [(PEER, LANE)]);
    assert!(!net.call(&mut world, PEER, LANE, 3, request()), "one call at a time on a lane");
    net.up(&mut world, outgoing(0), PEER, false);
    assert_eq!(world.sent, [(outgoing(0), Message::Request { version: 3, body: request() })]);
    let answer = Message::Response { version: 3, body: response(7) };
    assert!(matches!(
        net.received(&mut world, outgoing(0), PEER, answer.clone()),
        Received::Response(PEER, LANE, ResponseBody::ApiVersions(body)) if body.throttle_time_ms == 7
    ));
    assert!(matches!(net.received(&mut world, outgoing(0), PEER, answer), Received::Nothing), "nobody asked twice");
    assert!(net.call(&mut world, PEER, LANE, 3, request()));
    assert_eq!(world.connects.len(), 1, "the connection is used again");
}

#[test]
fn a_call_fails_once_whether_refused_or_cut_and_never_if_it_was_given_up() {
    let (mut net, mut world) = (Net::new(ME), World::default());
    let failed = Some(CallFailed { peer: PEER, lane: LANE });
    net.call(&mut world, PEER, LANE, 3, request());
    assert_eq!(net.refused(PEER, LANE), failed);
    net.call(&mut world, PEER, LANE, 3, request());
    net.up(&mut world, outgoing(1), PEER, false);
    assert_eq!(net.down(outgoing(0), PEER), None, "an older connection is not this one");
    assert_eq!(net.down(outgoing(1), PEER), failed);
    net.call(&mut world, PEER, LANE, 3, request());
    net.up(&mut world, outgoing(2), PEER, false);
    net.abandon(&mut world, PEER, LANE);
    assert_eq!(world.closed, [outgoing(2)], "answers are matched by order, so the connection cannot be kept");
    assert_eq!(net.down(outgoing(2), PEER), None);
    assert!(!net.is_calling(PEER, LANE));
}

#[test]
fn requests_of_a_connection_are_served_one_after_the_other() {
    let (mut net, mut world) = (Net::new(ME), World::default());
    net.up(&mut world, incoming(0), PEER, true);
    let ask = |net: &mut Net, world: &mut World| {
        net.received(world, incoming(0), PEER, Message::Request { version: 2, body: request() })
    };
    assert!(matches!(ask(&mut net, &mut world), Received::Request(2, _)));
    assert!(matches!(ask(&mut net, &mut world), Received::Nothing), "it waits behind the first");
    assert!(net.next_ready().is_none());
    net.reply(&mut world, incoming(0), response(1));
    assert!(matches!(net.next_ready(), Some((conn, 2, _)) if conn == incoming(0)));
    net.reply(&mut world, incoming(0), response(2));
    assert!(net.next_ready().is_none());
    let versions: Vec<i16> = world.sent.iter().map(|(_, message)| message.version()).collect();
    assert_eq!(versions, [2, 2], "answered in the version that was asked in");
}

#[test]
fn a_peer_that_asks_without_end_behind_a_parked_request_is_cut_off() {
    let (mut net, mut world) = (Net::new(ME), World::default());
    net.up(&mut world, incoming(0), PEER, true);
    for _ in 0..1_000 {
        net.received(&mut world, incoming(0), PEER, Message::Request { version: 2, body: request() });
    }
    assert_eq!(world.closed, [incoming(0)]);
    assert!(!net.is_open(incoming(0)));
}

#[test]
fn a_broker_calls_itself_without_a_network() {
    let (mut net, mut world) = (Net::new(ME), World::default());
    assert!(net.call(&mut world, ME, LANE, 3, request()));
    assert!(net.is_calling(ME, LANE));
    let Some(Local::Request(conn, 3, _)) = net.next_local() else { panic!("the request is there") };
    net.reply(&mut world, conn, response(5));
    assert!(!net.is_calling(ME, LANE));
    assert!(
        matches!(net.next_local(), Some(Local::Answer(LANE, ResponseBody::ApiVersions(body))) if body.throttle_time_ms == 5)
    );
    assert!(net.next_local().is_none());
    assert!(world.sent.is_empty() && world.connects.is_empty());
}

#[test]
fn an_answer_to_a_call_to_itself_that_was_given_up_is_not_heard() {
    let (mut net, mut world) = (Net::new(ME), World::default());
    net.call(&mut world, ME, LANE, 3, request());
    let Some(Local::Request(old, ..)) = net.next_local() else { panic!("the request is there") };
    net.abandon(&mut world, ME, LANE);
    assert!(net.call(&mut world, ME, LANE, 3, request()));
    net.reply(&mut world, old, response(1));
    assert!(net.is_calling(ME, LANE), "the newer call is still open");
    assert!(matches!(net.next_local(), Some(Local::Request(..))));
}
