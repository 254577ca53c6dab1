//! How long the rules of [`super::proof`] take: every interval that an absence, or the lack of an answer, is judged by.

use std::time::Duration;

/// Between the two looks that an absence needs: a list that is rebuilt, or an index that is switched over, is back by then.
pub(super) const BEFORE_ABSENCE_IS_BELIEVED: Duration = Duration::from_secs(3);

/// The same after the service has accepted a deletion: then the absence is what is expected.
pub(super) const AFTER_A_DELETION: Duration = Duration::from_secs(1);

/// Lists were seen to lag behind by more than a minute, never by ten: what was begun before that and is not listed is not
/// on its way any more.
pub(super) const LISTS_LAG_AT_MOST: Duration = Duration::from_mins(10);
