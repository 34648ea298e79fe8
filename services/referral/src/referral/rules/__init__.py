"""Pure rules of the referral service: functions of facts, rulebook and now that yield everything they find."""
