//! LeaveGroup.

use tribunal_protocol::messages::leave_group_request::{LeaveGroupRequest, MemberIdentity};
use tribunal_protocol::messages::leave_group_response::{LeaveGroupResponse, MemberResponse};
use tribunal_protocol::{ErrorCode, Str};

use crate::groups::{Context, Groups};
use crate::out::{Alarm, Out, Reply, Ticket};

/// First version that names several members (KIP-345).
const BATCH_SINCE: i16 = 3;

impl Groups {
    /// Serves LeaveGroup.
    pub fn leave(&mut self, ticket: Ticket, version: i16, request: LeaveGroupRequest, cx: Context<'_>, out: &mut Out) {
        let id = request.group_id.detach();
        if id.is_empty() {
            let error_code = ErrorCode::InvalidGroupId.code();
            return out.reply(ticket, Reply::Leave(LeaveGroupResponse { error_code, ..Default::default() }));
        }
        let leaving = match version {
            BATCH_SINCE.. => request.members,
            _ => vec![MemberIdentity { member_id: request.member_id, ..MemberIdentity::default() }],
        };
        let mut left = false;
        let members: Vec<MemberResponse> = leaving
            .into_iter()
            .map(|member| {
                let error = self.take_out(&id, &member, out).err().unwrap_or(ErrorCode::None);
                left |= error == ErrorCode::None;
                MemberResponse {
                    member_id: member.member_id,
                    group_instance_id: member.group_instance_id,
                    error_code: error.code(),
                }
            })
            .collect();
        let response = match version {
            BATCH_SINCE.. => LeaveGroupResponse { members, ..LeaveGroupResponse::default() },
            _ => LeaveGroupResponse {
                error_code: members.first().map_or(0, |member| member.error_code),
                ..LeaveGroupResponse::default()
            },
        };
        out.reply(ticket, Reply::Leave(response));
        if left {
            self.after_removal(&id, cx, out);
            self.drop_if_idle(&id);
        }
    }

    fn take_out(&mut self, id: &Str, leaving: &MemberIdentity, out: &mut Out) -> Result<(), ErrorCode> {
        let group = self.groups.get_mut(id).ok_or(ErrorCode::UnknownMemberId)?;
        let instance = leaving.group_instance_id.as_ref();
        let member = if leaving.member_id.is_empty() {
            // An admin client removes a static member by its instance id alone.
            let known = instance.and_then(|instance| group.instances.get(instance));
            known.cloned().ok_or(ErrorCode::UnknownMemberId)?
        } else {
            leaving.member_id.detach()
        };
        if group.pending.remove(&member) {
            out.cancel(Alarm::Session { group: id.clone(), member });
            return Ok(());
        }
        group.check_member(&member, instance)?;
        self.remove_member(id, &member, out);
        Ok(())
    }
}
