package publisher

// BatchOverhead is the part of a topic's limit that is not for messages.
const BatchOverhead = batchOverhead

// AloneFor is after how many messages a session that sends them alone ends.
const AloneFor = aloneFor

// Alone tells whether the session in use sends one message a request.
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
