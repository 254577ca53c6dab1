//! The database services by name, with what their ids and sizes look like.

/// A database service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Service {
    Dds,
    Geminidb,
    Taurusdb,
    Rds,
    Gaussdb,
    Ddm,
}

/// All services, in the order the ready line names them.
pub(crate) const ALL: &[Service] =
    &[Service::Dds, Service::Geminidb, Service::Taurusdb, Service::Rds, Service::Gaussdb, Service::Ddm];

impl Service {
    /// The name in endpoints, journal and control calls.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dds => "dds",
            Self::Geminidb => "geminidb",
            Self::Taurusdb => "taurusdb",
            Self::Rds => "rds",
            Self::Gaussdb => "gaussdb",
            Self::Ddm => "ddm",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|service| service.name() == name)
    }

    /// The last two digits of ids.
    pub(crate) fn number(self, engine: &str) -> &'static str {
        match self {
            Self::Dds => "02",
            Self::Geminidb => "06",
            Self::Taurusdb => "07",
            Self::Rds => match engine {
                "PostgreSQL" => "03",
                "SQLServer" => "04",
                _ => "01",
            },
            Self::Gaussdb => "14",
            Self::Ddm => "09",
        }
    }

    /// The end of instance ids.
    pub(crate) fn instance_suffix(self, engine: &str) -> String {
        format!("in{}", self.number(engine))
    }

    /// The end of backup ids.
    pub(crate) fn backup_suffix(self, engine: &str) -> &'static str {
        match self.number(engine) {
            "02" => "br02",
            "03" => "br03",
            "04" => "br04",
            "06" => "br06",
            "07" => "br07",
            "09" => "br09",
            "14" => "br14",
            _ => "br01",
        }
    }

    /// A size in bytes that the unit and number type of the service can express exactly.
    pub(crate) fn plausible_size(self, dice: u32) -> u64 {
        let dice = u64::from(dice % 4096);
        match self {
            Self::Dds | Self::Rds => (2_000 + dice) * 1024,
            Self::Geminidb => (20 + dice) * 1024 + 512,
            Self::Taurusdb => (40 + dice) * 1024 * 1024,
            Self::Gaussdb => (40 + dice) * 1024 * 1024 + 512 * 1024,
            Self::Ddm => 4_000 + dice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fit_the_unit_of_each_service() {
        for dice in [0, 1, 4095, u32::MAX] {
            for service in [Service::Dds, Service::Rds] {
                assert_eq!(service.plausible_size(dice) % 1024, 0);
            }
            assert_eq!(Service::Taurusdb.plausible_size(dice) % (1024 * 1024), 0);
        }
    }
}
