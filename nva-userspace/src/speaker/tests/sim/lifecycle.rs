//! Speakers that die and come back.

use super::*;

impl Sim {
    /// A speaker dies: its peers see their connections close, and its kernel keeps what it has.
    pub fn kill(&mut self, index: usize) {
        let seen = |(id, end): &(&ConnectionId, &End)| end.owner == index && !self.is_cut(**id);
        let ended: Vec<ConnectionId> = self.ends.iter().filter(seen).map(|(_, end)| end.other).collect();
        self.ends.retain(|_, end| end.owner != index);
        self.attempts.retain(|(from, _), _| *from != index);
        let mut config = parse("[router]\nasn = 1\nrouter-id = \"192.0.2.1\"");
        config.speaker.seed = 1;
        self.dead.insert(index, std::mem::replace(&mut self.speakers[index], Speaker::new(config.speaker)));
        for id in ended {
            self.deliver(Delivery::Closed { to: id });
        }
    }

    /// A speaker that died starts again with another configuration.
    pub fn revive_as(&mut self, index: usize, text: &str) {
        text.clone_into(&mut self.configs[index]);
        self.revive(index);
    }

    /// A speaker that died starts again, on a machine with its kernel's BGP routes.
    pub fn revive(&mut self, index: usize) {
        let dead = self.dead.remove(&index).expect("a dead one");
        let mut config = parse(&self.configs[index]);
        config.speaker.seed = self.rng.u64(..);
        let mut snapshot = machine(self.addresses[index], &[]);
        let kept = dead.host().routes().filter(|route| route.protocol == PROTOCOL_BGP);
        snapshot.routes.extend(kept.cloned());
        self.speakers[index] = Speaker::new(config.speaker);
        self.speakers[index].handle_host([HostEvent::Resync(Box::new(snapshot))], self.now);
        self.speakers[index].handle_input(Input::Start, self.now);
        self.carry_out(index);
    }

    /// A speaker ends in order to come back.
    pub fn leave(&mut self, index: usize) {
        self.speakers[index].handle_input(Input::Restart, self.now);
        self.carry_out(index);
    }
}
