package etcd

import (
	"errors"
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// maxGatewayBytes bounds a request of the JSON gateway: JSON takes four letters for three
// bytes. The library would read requests of any size.
const maxGatewayBytes = (maxRequestBytes+maxOverheadBytes)/3*4 + 1<<10

var errGatewayTooLarge = errors.New("the request is too large")

// boundedJSON bounds each message of a body, of which a stream has any number.
type boundedJSON struct{ *runtime.JSONPb }

// NewDecoder implements runtime.Marshaler.
func (b boundedJSON) NewDecoder(r io.Reader) runtime.Decoder {
	message := &io.LimitedReader{R: r}
	decoder := b.JSONPb.NewDecoder(message)
	return runtime.DecoderFunc(func(v any) error {
		message.N = maxGatewayBytes
		err := decoder.Decode(v)
		if err != nil && message.N <= 0 {
			return errGatewayTooLarge
		}
		return err
	})
}
