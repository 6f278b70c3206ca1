//! How far an address that somebody has named may lead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Error;

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only those that the whole internet can reach.
    Public,
    /// Also this machine and private networks, where object stores of one's own are. Not link-local addresses: clouds
    /// give out their machines' credentials there.
    Site,
    /// All.
    Any,
}

impl Reach {
    pub fn allows(self, ip: IpAddr) -> bool {
        match (self, plain(ip)) {
            (Self::Any, _) => true,
            (Self::Site, IpAddr::V4(ip)) => is_site_v4(ip),
            (Self::Site, IpAddr::V6(ip)) => is_site_v6(ip),
            (Self::Public, IpAddr::V4(ip)) => is_site_v4(ip) && is_public_v4(ip),
            (Self::Public, IpAddr::V6(ip)) => is_site_v6(ip) && is_public_v6(ip),
        }
    }

    pub(super) fn refusal(self, what: &str, ip: IpAddr) -> Error {
        let kind = match self {
            Self::Public => "a private one",
            Self::Site | Self::Any => "link-local or reserved",
        };
        Error::Refused {
            what: what.to_owned(),
            reason: format!(
                "its address {ip} is {kind}; controller.ingestFromURI.allowPrivateAddresses=true allows such addresses"
            ),
        }
    }
}

/// An IPv4 address in IPv6 clothes is that IPv4 address.
fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let embedded = v6.to_ipv4_mapped().or_else(|| match v6.segments() {
        // NAT64, and the old form with all zeros in front.
        [0x64, 0xff9b, 0, 0, 0, 0, a, b] => Some(from_halves(a, b)),
        [0, 0, 0, 0, 0, 0, a, b] if (a, b) != (0, 0) && (a, b) != (0, 1) => Some(from_halves(a, b)),
        [0x2002, a, b, ..] => Some(from_halves(a, b)),
        _ => None,
    });
    embedded.map_or(ip, IpAddr::V4)
}

fn from_halves(a: u16, b: u16) -> Ipv4Addr {
    let ([w, x], [y, z]) = (a.to_be_bytes(), b.to_be_bytes());
    Ipv4Addr::new(w, x, y, z)
}

fn is_site_v4(ip: Ipv4Addr) -> bool {
    !(ip.is_link_local() || ip.is_multicast() || ip.is_broadcast() || ip.is_unspecified() || ip.octets()[0] >= 240)
        // Alibaba's and Oracle's metadata services.
        && ip != Ipv4Addr::new(100, 100, 100, 200)
        && ip != Ipv4Addr::new(192, 0, 0, 192)
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (b == 18 || b == 19);
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_documentation()
        || shared
        || benchmark
        || a == 0
        || (a, b, c) == (192, 0, 0))
}

fn is_site_v6(ip: Ipv6Addr) -> bool {
    let link_local = ip.segments()[0] & 0xffc0 == 0xfe80;
    // Amazon's metadata service.
    let metadata = ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    !(link_local || metadata || ip.is_multicast() || ip.is_unspecified())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // Global unicast, less the addresses of documents.
    ip.segments()[0] & 0xe000 == 0x2000 && ip.segments()[..2] != [0x2001, 0x0db8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        use Reach::{Any, Public, Site};
        for (ip, least) in [
            ("8.8.8.8", Public),
            ("2606:4700::1111", Public),
            ("127.0.0.1", Site),
            ("10.1.2.3", Site),
            ("172.16.0.1", Site),
            ("192.168.1.1", Site),
            ("100.64.0.1", Site),
            ("::1", Site),
            ("fd12::1", Site),
            ("::ffff:10.0.0.1", Site),
            ("64:ff9b::a00:1", Site),
            ("2002:7f00:1::", Site),
            ("169.254.169.254", Any),
            ("::ffff:169.254.169.254", Any),
            ("64:ff9b::a9fe:a9fe", Any),
            ("fd00:ec2::254", Any),
            ("fe80::1", Any),
            ("0.0.0.0", Any),
            ("::", Any),
            ("224.0.0.1", Any),
            ("255.255.255.255", Any),
            ("ff02::1", Any),
        ] {
            let ip: IpAddr = ip.parse().unwrap();
            for (reach, rank) in [(Public, 0), (Site, 1), (Any, 2)] {
                let needed = [Public, Site, Any].iter().position(|r| *r == least).unwrap();
                assert_eq!(reach.allows(ip), rank >= needed, "{ip} {reach:?}");
            }
        }
    }
}
