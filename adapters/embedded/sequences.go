package embedded

import (
	"sync"

	"github.com/google/uuid"

	"orderflow/ports"
)

// sequences holds how far views are with the aggregates that changed last: the sequence numbers of
// their states. It saves most reads of states. Only the changes of this store write states, and no
// other process has the directory open.
//
// It also knows that a view has nothing of an aggregate whose first event was appended while the
// store was open, as long as nothing was applied. To look for a key that is not there is the most
// expensive read: all levels of the tables are searched. And the first event of an aggregate is one
// of a few. This relies on the order of things everywhere else: no view gets anything of an
// aggregate before its first event is stored here. Consumers ask the event store before they
// believe a record of an untrusted feed, and all writes of this store survive a crash in their
// order.
//
// A number is taken out before its state is written, and put back when that has worked. So after a
// failure there is none, and the next change reads what is stored.
//
// Its memory is bounded: when the newer half is full, the older one is dropped. It is safe for
// concurrent use.
type sequences struct {
	half int // how many aggregates a half has

	mu sync.Mutex
	// views are the places of views in standing.at.
	views        map[ports.ViewID]int
	newer, older map[uuid.UUID]*standing
}

// standing is how far the views are with one aggregate.
type standing struct {
	// fresh reports that views have nothing for which at says nothing.
	fresh bool
	// at has a value for each view.
	at []known
}

// known is a sequence number plus 2, or one of these.
type known uint64

const (
	unsaid  known = iota // nothing is said about the view
	unknown              // it has to be read
	nothing              // sequence number 0
)

const (
	// mostStandings bounds the aggregates. With four views each takes about 200 bytes.
	mostStandings = 16_384
	// mostViews bounds the views, and so the size of a standing. There are a few at a time, and
	// each rebuild brings another one.
	mostViews = 64
)

func newSequences(most int) *sequences { return &sequences{half: most / 2} }

// born says that the first event of an aggregate was appended just now.
func (s *sequences) born(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.find(id) == nil {
		s.add(id, &standing{fresh: true})
	}
}

// none reports that a view has nothing of an aggregate.
func (s *sequences) none(view ports.ViewID, id uuid.UUID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	place, ok := s.views[view]
	if at := s.find(id); at != nil {
		return ok && at.of(place) == nothing || !ok && at.fresh
	}
	return false
}

// take returns the sequence number of a state, if it is known, and forgets it.
func (s *sequences) take(view ports.ViewID, id uuid.UUID) (sequence uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := s.place(view)
	at := s.find(id)
	if at == nil {
		return 0, false
	}
	k := at.of(place)
	at.set(place, unknown)
	if k < nothing {
		return 0, false
	}
	return uint64(k - nothing), true
}

// put says what the sequence number of a state is.
func (s *sequences) put(view ports.ViewID, id uuid.UUID, sequence uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := s.place(view)
	at := s.find(id)
	if at == nil {
		at = &standing{}
		s.add(id, at)
	}
	at.set(place, nothing+known(sequence))
}

// clear forgets everything.
func (s *sequences) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
}

func (s *sequences) forget() { s.views, s.newer, s.older = nil, nil, nil }

// place returns the place of a view. It forgets everything when there are too many.
func (s *sequences) place(view ports.ViewID) int {
	if place, ok := s.views[view]; ok {
		return place
	}
	if len(s.views) == mostViews {
		s.forget()
	}
	if s.views == nil {
		s.views = make(map[ports.ViewID]int)
	}
	place := len(s.views)
	s.views[view] = place
	return place
}

// find returns the standing of an aggregate, or nil, and moves it to the newer half.
func (s *sequences) find(id uuid.UUID) *standing {
	if at := s.newer[id]; at != nil {
		return at
	}
	at := s.older[id]
	if at != nil {
		delete(s.older, id)
		s.add(id, at)
	}
	return at
}

func (s *sequences) add(id uuid.UUID, at *standing) {
	if len(s.newer) >= s.half { // the older half is dropped, and its memory is used again
		clear(s.older)
		s.older, s.newer = s.newer, s.older
	}
	if s.newer == nil {
		s.newer = make(map[uuid.UUID]*standing)
	}
	s.newer[id] = at
}

func (a *standing) of(place int) known {
	k := unsaid
	if place < len(a.at) {
		k = a.at[place]
	}
	if k == unsaid && a.fresh {
		return nothing
	}
	return k
}

func (a *standing) set(place int, k known) {
	for len(a.at) <= place {
		a.at = append(a.at, unsaid)
	}
	a.at[place] = k
}
