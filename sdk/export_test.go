package conclave

// CurrentEndpoint is where the calls of a client go now.
func CurrentEndpoint(c *Client) string { return c.endpoints.pick().url }
