//! Saying that a member is alive, and that it leaves.

use super::Group;
use super::membership::{After, Identity, Machine, Step};
use crate::driver::Platform;
use crate::error::ErrorCode;
use crate::message::{
    ConsumerGroupHeartbeatResponse, HeartbeatResponse, LeaveGroupRequest, LeaveGroupResponse, LeavingMember,
    Request,
};
use crate::time::Duration;

/// What to send, and how long to wait for the answer.
enum Beat {
    Classic(Request, Duration),
    Consumer(Request),
}

impl<P: Platform> Group<P> {
    /// Sends the heartbeat that is due, and takes in the answer.
    ///
    /// A heartbeat that joins, sent behind the one that leaves, would make it a member that nobody is.
    pub(super) async fn heartbeat(&self) -> After {
        let connection = match self.coordinator_for(Step::Heartbeat).await {
            Ok(connection) => connection,
            Err(after) => return after,
        };
        let (beat, sent) = self.next_beat();
        match beat {
            Beat::Classic(request, timeout) => {
                let answered = self.ask_over::<HeartbeatResponse>(connection, request, timeout).await;
                self.heartbeat_answered(answered.map(|response| response.error), &sent)
            }
            Beat::Consumer(request) => {
                let timeout = self.cluster.config().request_timeout;
                let answered =
                    self.ask_over::<ConsumerGroupHeartbeatResponse>(connection, request, timeout).await;
                let now = self.cluster.now();
                match answered {
                    Ok(response) => match &mut *self.machine.borrow_mut() {
                        Machine::Consumer(machine) => machine.heartbeat_answered(&response, &sent, now),
                        Machine::Classic(_) => After::GoOn,
                    },
                    Err(error) => {
                        self.machine.borrow_mut().heartbeat_lost(now);
                        self.failed(&error)
                    }
                }
            }
        }
    }

    fn next_beat(&self) -> (Beat, Identity) {
        let now = self.cluster.now();
        let machine = &mut *self.machine.borrow_mut();
        let sent = machine.identity();
        let beat = match machine {
            Machine::Classic(machine) => {
                // A coordinator that is silent for a whole session is taken for dead, as Kafka's clients do it.
                let timeout = self.cluster.config().request_timeout.min(self.config.session_timeout);
                Beat::Classic(machine.heartbeat_request(now).into(), timeout)
            }
            Machine::Consumer(machine) => Beat::Consumer(machine.heartbeat_request(now).into()),
        };
        (beat, sent)
    }

    fn heartbeat_answered(
        &self,
        answered: Result<ErrorCode, crate::client::outcome::ClientError>,
        sent: &Identity,
    ) -> After {
        let after = match answered {
            Ok(error) => match &mut *self.machine.borrow_mut() {
                Machine::Classic(machine) => machine.answered(error, sent),
                Machine::Consumer(_) => After::GoOn,
            },
            Err(error) => self.failed(&error),
        };
        if after != After::GoOn {
            self.machine.borrow_mut().heartbeat_lost(self.cluster.now());
        }
        after
    }

    /// Leaves the group. A static member of a classic group says nothing: its session runs out by itself, so that it can
    /// come back.
    pub(super) async fn leave(&self, reason: &str) {
        let request = {
            let mut machine = self.machine.borrow_mut();
            let request = self.leave_request(&machine, reason);
            machine.leave();
            request
        };
        self.client.raise();
        let timeout = self.cluster.config().request_timeout;
        // Without an answer the session runs out.
        match request {
            Some(request @ Request::LeaveGroup(_)) => {
                let _ = self.ask::<LeaveGroupResponse>(request, timeout).await;
            }
            Some(request) => {
                let _ = self.ask::<ConsumerGroupHeartbeatResponse>(request, timeout).await;
            }
            None => {}
        }
    }

    fn leave_request(&self, machine: &Machine, reason: &str) -> Option<Request> {
        match machine {
            Machine::Consumer(consumer) => {
                consumer.may_be_known().then(|| Request::ConsumerGroupHeartbeat(consumer.leave_request()))
            }
            Machine::Classic(_) => {
                let member_id = machine.identity().member_id;
                if self.config.group_instance_id.is_some() || member_id.is_empty() {
                    return None;
                }
                let reason = Some(reason.to_owned());
                let member = LeavingMember { member_id, group_instance_id: None, reason };
                let group_id = self.config.group_id.clone();
                Some(LeaveGroupRequest { group_id, members: vec![member] }.into())
            }
        }
    }
}
