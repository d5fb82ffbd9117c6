package publisher

// BatchOverhead is the part of a topic's limit that is not available for messages.
const BatchOverhead = batchOverhead

// AloneFor is the number of messages after which a session that sends them alone ends.
const AloneFor = aloneFor

// Alone reports whether the current session sends one message in each request.
func (p *Publisher) Alone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current != nil && p.current.session.alone != nil
}

// Waiting returns how many events wait for their acknowledgement.
func (p *Publisher) Waiting() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current.session.client.BufferedProduceRecords()
}
