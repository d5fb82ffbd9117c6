package subject

// Event is a fact about one subject: ErasureRequested or Erased.
type Event interface{ isSubjectEvent() }

// ErasureRequested begins an erasure. From then on no new personal data of the subject is accepted.
type ErasureRequested struct {
	// Token names the subject in the metadata of its events.
	Token     string
	Reason    string
	Reference string
}

// Erased ends an erasure.
type Erased struct {
	Token  string
	Counts Counts
}

func (ErasureRequested) isSubjectEvent() {}
func (Erased) isSubjectEvent()           {}
